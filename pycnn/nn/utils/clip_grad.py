"""Bounding gradients: the passes over them are C, all tensors in one call."""

import math
import types
import warnings

from pycnn import _C
from pycnn.autograd.grad_mode import no_grad


def _gradients(parameters):
    return [p.grad for p in parameters if p.grad is not None]


def _as_list(tensors):
    return [tensors] if isinstance(tensors, _C.TensorBase) else list(tensors)


def _fast(tensors):
    """Are all of one of the dtypes that C handles?"""
    return all(t.dtype is _C.float32 for t in tensors) or all(t.dtype is _C.float64 for t in tensors)


@no_grad()
def get_total_norm(tensors, norm_type=2.0, error_if_nonfinite=False, foreach=None):
    """Return the norm of the vector of the norms of all tensors.

    Parameters
    ----------
    tensors : Tensor or iterable of Tensor
    norm_type : float, default 2.0
        ``inf`` for the largest absolute value.
    error_if_nonfinite : bool, default False
    foreach : optional
        Accepted for torch's sake.

    Returns
    -------
    Tensor
        0-dim.

    Raises
    ------
    RuntimeError
        If the norm is not finite and `error_if_nonfinite`.
    """
    tensors, norm_type = _as_list(tensors), float(norm_type)
    if not tensors:
        return _C.fn.zeros(())
    if norm_type in (1.0, 2.0, math.inf) and _fast(tensors):
        total = _C.fn.full((), _C.total_norm(tensors, norm_type), dtype=tensors[0].dtype)
    else:
        total = _C.fn.stack([t.norm(norm_type) for t in tensors]).norm(norm_type)
    if error_if_nonfinite and not math.isfinite(total.item()):
        raise RuntimeError(f"The total norm of order {norm_type} for gradients from `parameters` is non-finite, so it "
                           "cannot be clipped. To disable this error and scale the gradients by the non-finite norm "
                           "anyway, set `error_if_nonfinite=False`")
    return total


@no_grad()
def clip_grads_with_norm_(parameters, max_norm, total_norm, foreach=None):
    """Scale the gradients of parameters by ``max_norm / (total_norm + 1e-6)``, if that is less than 1.

    Parameters
    ----------
    parameters : Tensor or iterable of Tensor
    max_norm : float
    total_norm : Tensor
        As from :func:`get_total_norm`.
    foreach : bool, optional
        Accepted for torch's sake.
    """
    gradients = _gradients(_as_list(parameters))
    scale = ((total_norm + 1e-6).reciprocal() * float(max_norm)).clamp_max(1.0)  # as torch divides a number
    if gradients and _fast(gradients):
        if scale.item() != 1.0:
            _C.scale_all(gradients, scale.item())
    else:
        for g in gradients:
            g.mul_(scale)


@no_grad()
def clip_grad_norm_(parameters, max_norm, norm_type=2.0, error_if_nonfinite=False, foreach=None):
    """Scale the gradients so that their total norm is at most `max_norm`.

    Parameters
    ----------
    parameters : Tensor or iterable of Tensor
        Those without a gradient take no part.
    max_norm : float
    norm_type : float, default 2.0
        ``inf`` for the largest absolute value.
    error_if_nonfinite : bool, default False
    foreach : optional
        Accepted for torch's sake.

    Returns
    -------
    Tensor
        The total norm before, 0-dim.

    Raises
    ------
    RuntimeError
        If the norm is not finite and `error_if_nonfinite`.
    """
    generator, parameters = isinstance(parameters, types.GeneratorType), _as_list(parameters)
    if generator and not parameters:
        warnings.warn("`parameters` is an empty generator, no gradient clipping will occur.", stacklevel=3)
    total = get_total_norm(_gradients(parameters), norm_type, error_if_nonfinite)
    clip_grads_with_norm_(parameters, max_norm, total)
    return total


def clip_grad_norm(parameters, max_norm, norm_type=2.0, error_if_nonfinite=False, foreach=None):
    """Call :func:`clip_grad_norm_`, of which this is the deprecated name.

    Parameters
    ----------
    parameters : Tensor or iterable of Tensor
    max_norm : float
    norm_type : float, default 2.0
        ``inf`` for the largest absolute value.
    error_if_nonfinite : bool, default False
        Raise RuntimeError if the norm is not finite.
    foreach : bool, optional
        Accepted for torch's sake.

    Returns
    -------
    Tensor
        The total norm before, 0-dim.
    """
    warnings.warn("`torch.nn.utils.clip_grad_norm` is now deprecated in favor of `torch.nn.utils.clip_grad_norm_`.",
                  FutureWarning, stacklevel=2)
    return clip_grad_norm_(parameters, max_norm, norm_type, error_if_nonfinite, foreach)


@no_grad()
def clip_grad_value_(parameters, clip_value, foreach=None):
    """Clamp the gradients to [-clip_value, clip_value].

    Parameters
    ----------
    parameters : Tensor or iterable of Tensor
    clip_value : float
    foreach : bool, optional
        Accepted for torch's sake.
    """
    gradients, clip_value = _gradients(_as_list(parameters)), float(clip_value)
    if _fast(gradients):
        _C.clamp_all(gradients, clip_value)
    else:
        for g in gradients:
            g.clamp_(-clip_value, clip_value)
