"""Padding, pixels and channels in another order, one-hot vectors, embeddings, distances."""

from pycnn import _C
from pycnn._device import contiguous_format

_nn, _fn = _C.nn, _C.fn


def _pairs(*values):
    return [(v, v) if isinstance(v, int) else tuple(v) for v in values]


def _windows(kernel_size, dilation, padding, stride):
    """The arguments of windows as pairs, in range."""
    pairs = _pairs(kernel_size, dilation, padding, stride)
    for (a, b), text, least in zip(pairs, (
            "kernel size should be greater than zero, but got kernel_height: {} kernel_width: {}",
            "dilation should be greater than zero, but got dilation_height: {} dilation_width: {}",
            "padding should be non-negative, but got pad_height: {} pad_width: {}",
            "stride should be greater than zero, but got stride_height: {} stride_width: {}"), (1, 1, 0, 1)):
        if a < least or b < least:
            raise RuntimeError(text.format(a, b))
    return pairs


def unfold(input, kernel_size, dilation=1, padding=0, stride=1):
    """Lay the windows of images out as columns.

    Parameters
    ----------
    input : Tensor [N, C, H, W] or [C, H, W]
    kernel_size, dilation, padding, stride : int or (int, int)

    Returns
    -------
    Tensor [N, C kh kw, windows]

    Raises
    ------
    RuntimeError
        If there is no window.
    """
    (kh, kw), (dh, dw), (ph, pw), (sh, sw) = _windows(kernel_size, dilation, padding, stride)
    if input.dim() == 3:
        return unfold(input.unsqueeze(0), kernel_size, dilation, padding, stride).squeeze(0)
    if input.dim() != 4:
        raise RuntimeError("Expected 3D or 4D (batch mode) tensor with possibly 0 batch size and other non-zero "
                           f"dimensions for input, but got: {list(input.shape)}")
    span_h, span_w = dh * (kh - 1) + 1, dw * (kw - 1) + 1
    n, c, h, w = input.shape
    oh, ow = (h + 2 * ph - span_h) // sh + 1, (w + 2 * pw - span_w) // sw + 1
    if oh < 1 or ow < 1:
        raise RuntimeError(f"Given input with spatial size ({h}, {w}), kernel_size=({kh}, {kw}), dilation=({dh}, "
                           f"{dw}), padding=({ph}, {pw}), calculated shape of the array of sliding blocks as ({oh}, "
                           f"{ow}), but its components must be at least one.")
    x = _fn.constant_pad_nd(input, [pw, pw, ph, ph], 0.0) if ph or pw else input
    x = x.unfold(2, span_h, sh).unfold(3, span_w, sw)[..., ::dh, ::dw]
    columns = x.permute(0, 1, 4, 5, 2, 3).clone(memory_format=contiguous_format)  # a single window would be a view
    return columns.view(n, c * kh * kw, oh * ow)


def fold(input, output_size, kernel_size, dilation=1, padding=0, stride=1):
    """Add columns up to images: what :func:`unfold` took apart, overlaps added.

    Parameters
    ----------
    input : Tensor [N, C kh kw, windows] or [C kh kw, windows]
    output_size : int or (int, int)
    kernel_size, dilation, padding, stride : int or (int, int)

    Returns
    -------
    Tensor [N, C, H, W]

    Raises
    ------
    RuntimeError
        If the number of columns or rows is another one.
    """
    (kh, kw), (dh, dw), (ph, pw), (sh, sw) = _windows(kernel_size, dilation, padding, stride)
    (h, w), = _pairs(output_size)
    if input.dim() == 2:
        return fold(input.unsqueeze(0), output_size, kernel_size, dilation, padding, stride).squeeze(0)
    n, rows, columns = input.shape
    oh, ow = (h + 2 * ph - dh * (kh - 1) - 1) // sh + 1, (w + 2 * pw - dw * (kw - 1) - 1) // sw + 1
    if rows % (kh * kw) != 0:
        raise RuntimeError("Expected size of input's dimension 1 to be divisible by the product of kernel_size, but "
                           f"got input.size(1)={rows} and kernel_size=({kh}, {kw}).")
    if oh * ow != columns or oh < 1:
        raise RuntimeError(f"Given output_size=({h}, {w}), kernel_size=({kh}, {kw}), dilation=({dh}, {dw}), "
                           f"padding=({ph}, {pw}), stride=({sh}, {sw}), expected size of input's dimension 2 to match "
                           f"the calculated number of sliding blocks {oh} * {ow} = {oh * ow}, but got "
                           f"input.size(2)={columns}.")
    parts = input.view(n, rows // (kh * kw), kh, kw, oh, ow)
    out = input.new_zeros((n, rows // (kh * kw), h + 2 * ph, w + 2 * pw))
    for i in range(kh):
        for j in range(kw):
            out[:, :, i * dh:i * dh + sh * (oh - 1) + 1:sh, j * dw:j * dw + sw * (ow - 1) + 1:sw] += parts[:, :, i, j]
    return out[:, :, ph:ph + h, pw:pw + w].contiguous()


def one_hot(tensor, num_classes=-1):
    """Turn class indices [...] into rows of zeros with a one, [..., num_classes].

    Parameters
    ----------
    tensor : Tensor
        Classes, of int64.
    num_classes : int, default -1
        -1 for one more than the largest class.

    Returns
    -------
    Tensor
        Of int64.

    Raises
    ------
    RuntimeError
        If a class is negative, or not below `num_classes`.
    """
    return _nn.one_hot(tensor, num_classes)


def pad(input, pad, mode="constant", value=None):
    """Pad the last dimensions.

    Parameters
    ----------
    input : Tensor
    pad : sequence of int
        (before, after) of the last dimension, then of the one before it, ...; negative amounts cut.
    mode : {"constant", "reflect", "replicate", "circular"}, default "constant"
    value : float, default 0
        For "constant".

    Returns
    -------
    Tensor

    Raises
    ------
    RuntimeError
        If the number of amounts is odd or too large, or a value is given where none is used.
    NotImplementedError
        If the mode is another one, or does not pad that many dimensions.
    """
    if len(pad) % 2:
        raise RuntimeError("Padding length must be divisible by 2")
    if len(pad) > 2 * input.dim():
        raise RuntimeError("Padding length should be less than or equal to two times the input dimension but got "
                           f"padding length {len(pad)} and input of dimension {input.dim()}")
    if mode == "constant":
        return _fn.constant_pad_nd(input, list(pad), 0.0 if value is None else value)
    if value is not None and value != 0:
        raise RuntimeError(f'Padding mode "{mode}" doesn\'t take in value argument')
    kinds = {"reflect": "reflection", "replicate": "replication", "circular": ""}
    if mode not in kinds:
        raise NotImplementedError(f"Unrecognised padding mode {mode}")
    if input.dim() not in (len(pad) // 2 + 1, len(pad) // 2 + 2) or len(pad) > 6:
        raise NotImplementedError(f"Padding size {len(pad)} is not supported for {input.dim()}D input tensor.\n"
                                  "Supported combinations for non-constant padding:\n"
                                  "  - 2D or 3D input: padding size = 2 (pads last dimension)\n"
                                  "  - 3D or 4D input: padding size = 4 (pads last 2 dimensions)\n"
                                  "  - 4D or 5D input: padding size = 6 (pads last 3 dimensions)")
    if mode == "circular":
        return _nn._pad_circular(input, list(pad))
    return getattr(_nn, f"{kinds[mode]}_pad{len(pad) // 2}d")(input, list(pad))


def pixel_shuffle(input, upscale_factor):
    """Turn [*, C r^2, H, W] into [*, C, H r, W r] with r = `upscale_factor`.

    Parameters
    ----------
    input : Tensor [..., C r^2, H, W]
    upscale_factor : int
        r, by how much the image grows.

    Returns
    -------
    Tensor [..., C, H r, W r]

    Notes
    -----
    Shi et al., arXiv:1609.05158.
    """
    return _nn.pixel_shuffle(input, upscale_factor)


def pixel_unshuffle(input, downscale_factor):
    """Turn [*, C, H r, W r] into [*, C r^2, H, W] with r = `downscale_factor`.

    Parameters
    ----------
    input : Tensor [..., C, H r, W r]
    downscale_factor : int
        r, by how much the image shrinks.

    Returns
    -------
    Tensor [..., C r^2, H, W]
    """
    return _nn.pixel_unshuffle(input, downscale_factor)


def channel_shuffle(input, groups):
    """Interleave the channels of `groups` groups of [N, C, ...]. Zhang et al., arXiv:1707.01083.

    Parameters
    ----------
    input : Tensor [N, C, ...]
    groups : int
        Divides the number of channels.

    Returns
    -------
    Tensor
        Of the input's shape.

    Raises
    ------
    RuntimeError
        If `groups` does not divide the number of channels.
    """
    n, c = input.shape[:2]
    if groups <= 0 or c % groups != 0:
        raise RuntimeError(f"Number of channels must be divisible by groups. Got {c} channels and {groups} groups.")
    shuffled = input.reshape(n, groups, c // groups, *input.shape[2:]).transpose(1, 2)
    return shuffled.clone(memory_format=contiguous_format).view(input.shape)


def embedding(input, weight, padding_idx=None, max_norm=None, norm_type=2.0, scale_grad_by_freq=False, sparse=False):
    """Look rows of `weight` up by integer indices.

    Parameters
    ----------
    input : Tensor
        Of int64 or int32.
    weight : Tensor [rows, features]
    padding_idx : int, optional
        A row that gets no gradient; counted from the end if negative.
    max_norm : None, optional
        Not supported.
    norm_type : float, default 2.0
        Of `max_norm`.
    scale_grad_by_freq : bool, default False
        True is not supported.
    sparse : bool, default False
        True is not supported.

    Returns
    -------
    Tensor [..., features]

    Raises
    ------
    NotImplementedError
        If `max_norm`, `scale_grad_by_freq` or `sparse` is given.
    IndexError
        If an index is no row.
    AssertionError
        If `padding_idx` is no row.
    """
    if max_norm is not None or scale_grad_by_freq or sparse:
        raise NotImplementedError("embedding: max_norm, scale_grad_by_freq and sparse are not supported")
    indices = input.reshape(-1)
    rows = weight.index_select(0, indices)
    if padding_idx is not None:
        if not -weight.shape[0] <= padding_idx < weight.shape[0]:
            raise AssertionError("Padding_idx must be within num_embeddings")
        rows = _fn.where((indices == padding_idx % weight.shape[0]).unsqueeze(1), rows.detach(), rows)
    return rows.reshape(*input.shape, weight.shape[1])


def cosine_similarity(x1, x2, dim=1, eps=1e-8):
    """Return the cosine of the angle between vectors along `dim`.

    Parameters
    ----------
    x1 : Tensor
    x2 : Tensor
        Broadcast with `x1`.
    dim : int, default 1
        Dimension, counted from the end if negative.
    eps : float, default 1e-08
        Smallest norm to divide by.

    Returns
    -------
    Tensor
        Without the dimension `dim`.
    """
    return (x1 * x2).sum(dim) / ((x1 * x1).sum(dim).sqrt().clamp_min(eps) * (x2 * x2).sum(dim).sqrt().clamp_min(eps))


def pairwise_distance(x1, x2, p=2.0, eps=1e-6, keepdim=False):
    """Return the p-norm of ``x1 - x2 + eps`` along the last dimension.

    Parameters
    ----------
    x1 : Tensor [..., D]
    x2 : Tensor [..., D]
        Broadcast with `x1`.
    p : float, default 2.0
        The norm's power.
    eps : float, default 1e-06
        Added to each difference.
    keepdim : bool, default False
        Keep the last dimension, with size 1.

    Returns
    -------
    Tensor [...]
    """
    return (x1 - x2 + eps).norm(p, -1, keepdim)
