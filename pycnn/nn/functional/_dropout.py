"""Dropout of elements and of channels."""

import warnings

from pycnn import _C

_fn = _C.fn


def _check_p(p):
    if p < 0.0 or p > 1.0:
        raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")


def dropout(input, p=0.5, training=True, inplace=False):
    """Zero elements with probability `p` and divide the others by ``1 - p``, if `training`.

    Parameters
    ----------
    input : Tensor
    p : float, default 0.5
        Probability of a zero.
    training : bool, default True
        False returns the input.
    inplace : bool, default False
        Overwrite the input.

    Returns
    -------
    Tensor
        Of the input's shape and dtype.

    Raises
    ------
    ValueError
        If `p` is no probability.

    Notes
    -----
    Masks are torch's bit for bit, for the same seed. Srivastava et al., JMLR 15 (2014).
    """
    _check_p(p)
    return _fn.dropout_(input, p, training) if inplace else _fn.dropout(input, p, training)


def _feature_dropout(input, p, training, inplace):
    return _fn.feature_dropout_(input, p, training) if inplace else _fn.feature_dropout(input, p, training)


def dropout1d(input, p=0.5, training=True, inplace=False):
    """Zero whole channels of sequences [N, C, L] or [C, L] with probability `p`, if `training`.

    Parameters
    ----------
    input : Tensor [N, C, L] or [C, L]
    p : float, default 0.5
        Probability that a channel is zeroed.
    training : bool, default True
        False returns the input.
    inplace : bool, default False
        Overwrite the input.

    Returns
    -------
    Tensor
        Of the input's shape and dtype.

    Raises
    ------
    RuntimeError
        If the input has another number of dimensions.
    ValueError
        If `p` is no probability.
    """
    _check_p(p)
    if input.dim() not in (2, 3):
        raise RuntimeError(f"dropout1d: Expected 2D or 3D input, but received a {input.dim()}D input. Note that "
                           "dropout1d exists to provide channel-wise dropout on inputs with 1 spatial dimension, a "
                           "channel dimension, and an optional batch dimension (i.e. 2D or 3D inputs).")
    if input.dim() == 3:
        return _feature_dropout(input, p, training, inplace)
    result = _feature_dropout(input.unsqueeze(0), p, training, inplace)
    return input if inplace else result.squeeze(0)


def dropout2d(input, p=0.5, training=True, inplace=False):
    """Zero whole channels of images [N, C, H, W] with probability `p` and divide the others by ``1 - p``, if
    `training`.

    Parameters
    ----------
    input : Tensor [N, C, H, W]
    p : float, default 0.5
        Probability that a channel is zeroed.
    training : bool, default True
        False returns the input.
    inplace : bool, default False
        Overwrite the input.

    Returns
    -------
    Tensor
        Of the input's shape and dtype.

    Raises
    ------
    ValueError
        If `p` is no probability.

    Notes
    -----
    As in torch, three dimensions are read as [N, C, L], and a warning says so.
    """
    _check_p(p)
    if input.dim() not in (3, 4):
        warnings.warn(f"dropout2d: Received a {input.dim()}-D input to dropout2d, which is deprecated and will result "
                      "in an error in a future release. To retain the behavior and silence this warning, please use "
                      "dropout instead. Note that dropout2d exists to provide channel-wise dropout on inputs with 2 "
                      "spatial dimensions, a channel dimension, and an optional batch dimension (i.e. 3D or 4D "
                      "inputs).",
                       stacklevel=2)
    if input.dim() == 3:
        warnings.warn("dropout2d: Received a 3D input to dropout2d and assuming that channel-wise 1D dropout behavior "
                      "is desired - input is interpreted as shape (N, C, L), where C is the channel dim. This behavior "
                      "will change in a future release to interpret the input as one without a batch dimension, i.e. "
                      "shape (C, H, W). To maintain the 1D channel-wise dropout behavior, please switch to using "
                      "dropout1d instead.", stacklevel=2)
    return _feature_dropout(input, p, training, inplace)


def dropout3d(input, p=0.5, training=True, inplace=False):
    """Zero whole channels of volumes [N, C, D, H, W] with probability `p`, if `training`.

    Parameters
    ----------
    input : Tensor [N, C, D, H, W]
    p : float, default 0.5
        Probability that a channel is zeroed.
    training : bool, default True
        False returns the input.
    inplace : bool, default False
        Overwrite the input.

    Returns
    -------
    Tensor
        Of the input's shape and dtype.

    Raises
    ------
    ValueError
        If `p` is no probability.
    """
    _check_p(p)
    return _feature_dropout(input, p, training, inplace)
