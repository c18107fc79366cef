"""Resizing of images and signals."""

import math
import warnings

from pycnn import _C

# the operators that take align_corners
_ALIGNING = {"linear": "bilinear", "bilinear": "bilinear", "bicubic": "bicubic"}


def _sizes(input, size, factor, recompute):
    """Spatial sizes of the result, and the factors that positions are computed with (None: from the sizes)."""
    given = list(input.shape[2:])
    if size is not None and factor is not None:
        raise ValueError("only one of size or scale_factor should be defined")
    if size is not None:
        size = [size] * len(given) if not isinstance(size, (list, tuple)) else list(size)
        if len(size) != len(given):
            raise ValueError("Input and output must have the same number of spatial dimensions, but got input with "
                             f"spatial dimensions of {given} and output size of {size}. Please provide input tensor in "
                             "(N, C, d1, d2, ...,dK) format and output size in (o1, o2, ...,oK) format.")
        if recompute:
            raise ValueError("recompute_scale_factor is not meaningful with an explicit size.")
        return size, [None] * len(size)
    if factor is None:
        raise ValueError("either size or scale_factor should be defined")
    factor = [factor] * len(given) if not isinstance(factor, (list, tuple)) else list(factor)
    if len(factor) != len(given):
        raise ValueError("Input and scale_factor must have the same number of spatial dimensions, but got input with "
                         f"spatial dimensions of {given} and scale_factor of shape {factor}. Please provide input "
                         "tensor in (N, C, d1, d2, ...,dK) format and scale_factor in (s1, s2, ...,sK) format.")
    size = [math.floor(n * f) for n, f in zip(given, factor)]
    return size, [None] * len(size) if recompute else [float(f) for f in factor]


def interpolate(input, size=None, scale_factor=None, mode="nearest", align_corners=None, recompute_scale_factor=None,
                antialias=False):
    """Resize images [N, C, H, W] or signals [N, C, L].

    Parameters
    ----------
    input : Tensor
    size : int or sequence of int, optional
        Of the result. Either this or `scale_factor`.
    scale_factor : float or sequence of float, optional
    mode : {"nearest", "nearest-exact", "linear", "bilinear", "bicubic", "area"}, default "nearest"
        "linear" is for signals, "bilinear" and "bicubic" are for images.
    align_corners : bool, optional
        Of the linear and cubic modes: let the outermost pixels of both fall together. Default False.
    recompute_scale_factor : bool, optional
        Compute positions from the sizes, not from `scale_factor`.
    antialias : bool, default False
        "bilinear" and "bicubic" as Pillow does them: every pixel counts where images shrink.

    Returns
    -------
    Tensor

    Raises
    ------
    ValueError
        If options contradict each other.
    NotImplementedError
        If `mode` is not for input of that many dimensions.
    """
    if mode in ("nearest", "area", "nearest-exact") and align_corners is not None:
        raise ValueError("align_corners option can only be set with the interpolating modes: linear | bilinear | "
                         "bicubic | trilinear")
    size, factor = _sizes(input, size, scale_factor, recompute_scale_factor)
    if antialias and not (mode in ("bilinear", "bicubic") and input.dim() == 4):
        raise ValueError("Anti-alias option is restricted to bilinear, bicubic, and lanczos modes and requires a 4-D "
                         "tensor as input")
    signal, fits = input.dim() == 3, input.dim() in (3, 4)
    if mode in _ALIGNING and signal == (mode == "linear") and fits:
        name = f"_upsample_{mode}2d_aa" if antialias else f"upsample_{_ALIGNING[mode]}2d"
        options = [bool(align_corners)]
    elif mode in ("nearest", "nearest-exact") and fits:
        name, options = ("upsample_nearest2d" if mode == "nearest" else "_upsample_nearest_exact2d"), []
    elif mode == "area" and fits:
        return _C.nn.adaptive_avg_pool1d(input, size) if signal else _C.nn.adaptive_avg_pool2d(input, size)
    elif mode in _ALIGNING and fits:
        raise NotImplementedError(f"Got {input.dim()}D input, but {mode} mode needs {7 - input.dim()}D input")
    else:
        raise NotImplementedError(f"Input Error: Only 3D, 4D and 5D input Tensors supported (got {input.dim()}D) for "
                                  "the modes: nearest | linear | bilinear | bicubic | trilinear | area | nearest-exact "
                                  f"(got {mode}); pycnn takes 3D and 4D")
    if not signal:
        return getattr(_C.nn, name)(input, size, *options, *factor)
    return getattr(_C.nn, name)(input.unsqueeze(2), [1, *size], *options, None, *factor).squeeze(2)


def _old(name, mode, align_corners=None):
    def call(input, size=None, scale_factor=None):
        warnings.warn(f"`nn.functional.{name}` is deprecated. Use `nn.functional.interpolate` instead.", stacklevel=2)
        return interpolate(input, size, scale_factor, mode, align_corners)
    call.__name__ = call.__qualname__ = name
    call.__doc__ = f"""Old name of :func:`interpolate` with ``mode="{mode}"``; a warning says so.

    Parameters
    ----------
    input : Tensor
    size : int or sequence of int, optional
        Of the result. Either this or `scale_factor`.
    scale_factor : float or sequence of float, optional
        By how much the image grows.

    Returns
    -------
    Tensor
    """
    return call


upsample_nearest, upsample_bilinear = _old("upsample_nearest", "nearest"), _old("upsample_bilinear", "bilinear", True)


def upsample(input, size=None, scale_factor=None, mode="nearest", align_corners=None):
    """Old name of :func:`interpolate`.

    Parameters
    ----------
    input : Tensor
    size : int or sequence of int, optional
        Of the result. Either this or `scale_factor`.
    scale_factor : float or sequence of float, optional
        By how much the image grows.
    mode : str, default "nearest"
        As for :func:`interpolate`.
    align_corners : bool, optional
        As for :func:`interpolate`.

    Returns
    -------
    Tensor
    """
    warnings.warn("`nn.functional.upsample` is deprecated. Use `nn.functional.interpolate` instead.", stacklevel=2)
    return interpolate(input, size, scale_factor, mode, align_corners)
