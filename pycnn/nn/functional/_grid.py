"""grid_sample and affine_grid: images read at given places, a part of functional."""

import warnings

from pycnn import _C
from pycnn._types import type_name

_fn = _C.fn
_UNSAID = ("Default {0} behavior has changed to align_corners=False since 1.3.0. Please specify align_corners=True if "
           "the old behavior is desired. See the documentation of {0} for details.")


def affine_grid(theta, size, align_corners=None):
    """Return the places that affine maps lead to, for :func:`grid_sample`. Jaderberg et al., arXiv:1506.02025.

    Parameters
    ----------
    theta : Tensor [N, 2, 3]
        The maps, of (x, y, 1).
    size : sequence of int
        Of the images: (N, C, H, W).
    align_corners : bool, optional
        Whether -1 and 1 are the middles of the outermost pixels, or their outer edges (False, the default).

    Returns
    -------
    Tensor [N, H, W, 2]

    Raises
    ------
    RuntimeError, ValueError, NotImplementedError
        If shapes do not fit, or there is no such.
    """
    if not theta.is_floating_point():
        raise ValueError(f"Expected theta to have floating point type, but got {theta.dtype}")
    if len(size) != 4:
        raise NotImplementedError("affine_grid only supports 4D and 5D sizes, for 2D and 3D affine transforms, "
                                  f"respectively. Got size {tuple(size)}; pycnn takes 4D")
    if theta.dim() != 3 or tuple(theta.shape[-2:]) != (2, 3):
        raise ValueError(f"Expected a batch of 2D affine matrices of shape Nx2x3 for size {tuple(size)}. Got "
                         f"{tuple(theta.shape)}.")
    if min(size) <= 0:
        raise ValueError(f"Expected non-zero, positive output size. Got {tuple(size)}")
    if align_corners is None:
        warnings.warn(_UNSAID.format("affine_grid and grid_sample"), stacklevel=2)
    n, _, h, w = size
    if align_corners and min(h, w) == 1:
        warnings.warn("Since version 1.3.0, affine_grid behavior has changed for unit-size grids when "
                      "align_corners=True. This is not an intended use case of affine_grid. See the documentation of "
                      "affine_grid for details.", stacklevel=2)
    axes = []
    for steps in (w, h):
        axis = _fn.linspace(-1, 1, steps, dtype=theta.dtype) if steps > 1 else theta.new_zeros(1)
        axes.append(axis if align_corners else axis * (steps - 1) / steps)
    x, y = axes[0].expand(h, w), axes[1].unsqueeze(1).expand(h, w)
    base = _fn.stack([x, y, x.new_ones(h, w)], -1).view(1, h * w, 3).expand(n, h * w, 3)
    return _fn.bmm(base, theta.transpose(1, 2)).view(n, h, w, 2)


def _reflected(x, low, high):
    """Coordinates folded back between two bounds, given as twice their values."""
    if low == high:
        return x * 0
    low, span = low / 2, (high - low) / 2
    x = (x - low).abs()
    flips, rest = (x / span).floor(), x % span
    return _fn.where(flips % 2 == 0, rest + low, span - rest + low)


def _positions(coordinate, size, padding_mode, align_corners):
    x = (coordinate + 1) * ((size - 1) / 2) if align_corners else (coordinate + 1) * (size / 2) - 0.5
    if padding_mode == "reflection":
        x = _reflected(x, 0, 2 * (size - 1)) if align_corners else _reflected(x, -1, 2 * size - 1)
    return x if padding_mode == "zeros" else x.clamp(0, size - 1)


def _read(input, x, y):
    """Values of the pixels (x, y), which are whole; 0 outside."""
    n, c, h, w = input.shape
    inside = (x >= 0).logical_and(x <= w - 1).logical_and(y >= 0).logical_and(y <= h - 1)
    index = _fn.where(inside, y * w + x, x.new_zeros(())).long()
    values = input.reshape(n, c, h * w).gather(2, index.reshape(n, 1, -1).expand(n, c, index[0].numel()))
    return values.view(n, c, *index.shape[1:]) * inside.unsqueeze(1).to(input.dtype)


def grid_sample(input, grid, mode="bilinear", padding_mode="zeros", align_corners=None):
    """Read images at given places.

    Parameters
    ----------
    input : Tensor [N, C, H, W]
    grid : Tensor [N, OH, OW, 2]
        Places (x, y), from -1 to 1 across the image.
    mode : {"bilinear", "nearest"}, default "bilinear"
    padding_mode : {"zeros", "border", "reflection"}, default "zeros"
        What is outside.
    align_corners : bool, optional
        Whether -1 and 1 are the middles of the outermost pixels, or their outer edges (False, the default).

    Returns
    -------
    Tensor [N, C, OH, OW]

    Raises
    ------
    ValueError
        If there is no such mode.
    RuntimeError
        If shapes or dtypes do not fit.
    """
    if mode == "bicubic":
        raise ValueError("nn.functional.grid_sample(): pycnn has no mode 'bicubic'")
    if mode not in ("bilinear", "nearest"):
        raise ValueError("nn.functional.grid_sample(): expected mode to be 'bilinear', 'nearest' or 'bicubic', but "
                         f"got: '{mode}'")
    if padding_mode not in ("zeros", "border", "reflection"):
        raise ValueError("nn.functional.grid_sample(): expected padding_mode to be 'zeros', 'border', or 'reflection', "
                         f"but got: '{padding_mode}'")
    if align_corners is None:
        warnings.warn(_UNSAID.format("grid_sample and affine_grid"), stacklevel=2)
    if input.shape[0] != grid.shape[0]:
        raise RuntimeError(f"grid_sampler(): expected grid and input to have same batch size, but got input with sizes "
                           f"{list(input.shape)} and grid with sizes {list(grid.shape)}")
    if input.dim() != 4 or grid.dim() != 4:
        raise RuntimeError("grid_sampler(): expected 4D or 5D input and grid with same number of dimensions, but got "
                           f"input with sizes {list(input.shape)} and grid with sizes {list(grid.shape)}")
    if grid.shape[3] != 2:
        raise RuntimeError("grid_sampler(): expected grid to have size 2 in last dimension, but got grid with sizes "
                           f"{list(grid.shape)}")
    if input.dtype is not grid.dtype:
        want, have = (type_name(t.dtype)[6:-6] for t in (input, grid))
        raise RuntimeError(f"expected scalar type {want} but found {have}. Give input and grid the same dtype")
    if 0 in input.shape[1:]:
        raise RuntimeError("grid_sampler(): expected input to have non-empty spatial dimensions, but input has sizes "
                           f"{list(input.shape)}")
    h, w = input.shape[2:]
    x = _positions(grid[..., 0], w, padding_mode, align_corners)
    y = _positions(grid[..., 1], h, padding_mode, align_corners)
    if mode == "nearest":
        return _read(input, x.detach().round(), y.detach().round())
    left, top = x.detach().floor(), y.detach().floor()
    right, below = (x - left).unsqueeze(1), (y - top).unsqueeze(1)
    result = _read(input, left, top) * ((1 - right) * (1 - below)) + _read(input, left + 1, top) * (right * (1 - below))
    result = result + _read(input, left, top + 1) * ((1 - right) * below)
    return result + _read(input, left + 1, top + 1) * (right * below)
