"""Attention: scaled dot products, and the whole of a multi-head attention."""

import math
import warnings

from pycnn import _C
from pycnn.nn.functional._activation import softmax
from pycnn.nn.functional._convolution import linear
from pycnn.nn.functional._dropout import dropout
from pycnn.nn.functional._shape import pad

_fn = _C.fn


def _canonical_mask(mask, mask_name, other, other_name, dtype):
    """A mask that is added: minus infinity where a mask of bools is True."""
    if mask is None:
        return None
    if mask.dtype is not _C.bool and not mask.is_floating_point():
        raise AssertionError(f"only bool and floating types of {mask_name} are supported")
    if other is not None and mask.dtype is not other.dtype:
        warnings.warn(f"Support for mismatched {mask_name} and {other_name} is deprecated. Use same type for both "
                      f"instead.",
                      stacklevel=3)
    if mask.is_floating_point():
        return mask
    return _fn.zeros_like(mask, dtype=dtype).masked_fill_(mask, -math.inf)


def _causal_mask(rows, columns, dtype):
    return _fn.triu(_fn.full((rows, columns), -math.inf, dtype=dtype), 1)


def scaled_dot_product_attention(query, key, value, attn_mask=None, dropout_p=0.0, is_causal=False, scale=None,
                                 enable_gqa=False):
    """Return ``softmax(query @ key.T * scale + mask) @ value`` over the last two dimensions.

    Parameters
    ----------
    query : Tensor [N, ..., Hq, L, E]
    key : Tensor [N, ..., H, S, E]
    value : Tensor [N, ..., H, S, Ev]
    attn_mask : Tensor, optional
        Broadcast to [N, ..., L, S]: of bools, True where a query may look; or of floats, added to the products.
    dropout_p : float, default 0.0
        Probability that a weight is zeroed; whatever the mode, so pass 0 in evaluation.
    is_causal : bool, default False
        Let query i look at keys 0 to i alone.
    scale : float, optional
        ``1 / sqrt(E)`` by default.
    enable_gqa : bool, default False
        Let groups of query heads share the heads of key and value.

    Returns
    -------
    Tensor [N, ..., Hq, L, Ev]

    Raises
    ------
    RuntimeError
        If both a mask and `is_causal` are given, or a tensor has fewer than two dimensions.

    Notes
    -----
    A query that may look nowhere gives zeros. Vaswani et al., arXiv:1706.03762.
    """
    if min(query.dim(), key.dim(), value.dim()) < 2:
        raise RuntimeError("Expected query, key, and value to all be  at least 2 dimensional, but got query.dim: "
                           f"{query.dim()} key.dim: {key.dim()} and value.dim: {value.dim()} instead.")
    if is_causal and attn_mask is not None:
        raise RuntimeError("scaled_dot_product_attention: Explicit attn_mask should not be set when is_causal=True")
    if enable_gqa:
        key, value = (t.repeat_interleave(query.shape[-3] // t.shape[-3], -3) for t in (key, value))
    scale = 1 / math.sqrt(query.shape[-1]) if scale is None else scale
    scores = (query * scale) @ key.transpose(-2, -1)
    if is_causal:
        attn_mask = _causal_mask(query.shape[-2], key.shape[-2], query.dtype)
    elif attn_mask is not None and attn_mask.dtype is _C.bool:
        attn_mask = _canonical_mask(attn_mask.logical_not(), "attn_mask", None, "", query.dtype)
    if attn_mask is None:
        weights = softmax(scores, dim=-1)
    else:
        scores = scores + attn_mask
        nowhere = (scores.detach() == -math.inf).all(-1, keepdim=True)
        if nowhere.any():  # softmax and its gradient would be NaN there
            weights = softmax(scores.masked_fill(nowhere, 0.0), dim=-1).masked_fill(nowhere, 0.0)
        else:
            weights = softmax(scores, dim=-1)
    return dropout(weights, dropout_p, dropout_p > 0) @ value


def _check_shapes(query, key, value, key_padding_mask, attn_mask, num_heads):
    """Whether the tensors are batches; raises where they do not fit."""
    if query.dim() not in (2, 3):
        raise AssertionError("query should be unbatched 2D or batched 3D tensor but received "
                             f"{query.dim()}-D query tensor")
    kind = "batched (3-D)" if query.dim() == 3 else "unbatched (2-D)"
    if key.dim() != query.dim() or value.dim() != query.dim():
        raise AssertionError(f"For {kind} `query`, expected `key` and `value` to be {query.dim()}-D but found "
                             f"{key.dim()}-D and {value.dim()}-D tensors respectively")
    if key_padding_mask is not None and key_padding_mask.dim() != query.dim() - 1:
        raise AssertionError(f"For {kind} `query`, expected `key_padding_mask` to be `None` or {query.dim() - 1}-D but "
                             f"found {key_padding_mask.dim()}-D tensor instead")
    if attn_mask is not None and attn_mask.dim() not in (2, 3):
        raise AssertionError(f"For {kind} `query`, expected `attn_mask` to be `None`, 2-D or 3-D but found "
                             f"{attn_mask.dim()}-D tensor instead")
    return query.dim() == 3


def _project(query, key, value, weight, weights, bias):
    """Queries, keys and values from one weight of three times the rows, or from three."""
    if weight is None:
        biases = (None,) * 3 if bias is None else bias.chunk(3)
        return [linear(t, w, b) for t, w, b in zip((query, key, value), weights, biases)]
    if query is key and key is value:
        return linear(query, weight, bias).chunk(3, -1)
    biases = (None,) * 3 if bias is None else bias.chunk(3)
    return [linear(t, w, b) for t, w, b in zip((query, key, value), weight.chunk(3), biases)]


def multi_head_attention_forward(query, key, value, embed_dim_to_check, num_heads, in_proj_weight, in_proj_bias, bias_k,
                                 bias_v, add_zero_attn, dropout_p, out_proj_weight, out_proj_bias, training=True,
                                 key_padding_mask=None, need_weights=True, attn_mask=None,
                                 use_separate_proj_weight=False,
                                 q_proj_weight=None, k_proj_weight=None, v_proj_weight=None, static_k=None,
                                 static_v=None,
                                 average_attn_weights=True, is_causal=False):
    """Attend with several heads: what :class:`pycnn.nn.MultiheadAttention` computes.

    Parameters
    ----------
    query : Tensor [L, N, E] or [L, E]
    key : Tensor [S, N, Ek] or [S, Ek]
    value : Tensor [S, N, Ev] or [S, Ev]
    embed_dim_to_check, num_heads : int
        E, which the heads share.
    in_proj_weight : Tensor [3 * E, E] or None
        Of queries, keys and values.
    in_proj_bias : Tensor [3 * E] or None
    bias_k, bias_v : Tensor [1, 1, E] or None
        A further key and value.
    add_zero_attn : bool
        Add a key and value of zeros.
    dropout_p : float
        Probability that a weight is zeroed, if `training`.
    out_proj_weight : Tensor [E, E]
    out_proj_bias : Tensor [E] or None
    training : bool, default True
    key_padding_mask : Tensor [N, S] or [S], optional
        Bools, True where a key is not looked at; or floats, which are added.
    need_weights : bool, default True
        Return the weights of attention too.
    attn_mask : Tensor [L, S] or [N * num_heads, L, S], optional
        As `key_padding_mask`, for each query.
    use_separate_proj_weight : bool, default False
        Use the three weights that follow.
    q_proj_weight, k_proj_weight, v_proj_weight : Tensor, optional
        Of shapes [E, E], [E, Ek] and [E, Ev].
    static_k, static_v : Tensor [N * num_heads, S, E / num_heads], optional
        Instead of projected keys and values.
    average_attn_weights : bool, default True
        Return the mean of the heads' weights.
    is_causal : bool, default False
        Say that `attn_mask` is the causal one.

    Returns
    -------
    output : Tensor [L, N, E] or [L, E]
    weights : Tensor or None
        Of shape [N, L, S], or [N, num_heads, L, S] if not averaged; without N if there is none.

    Raises
    ------
    AssertionError
        If the tensors do not fit each other.
    RuntimeError
        If the mask does not fit, or `is_causal` comes without one.
    """
    batched = _check_shapes(query, key, value, key_padding_mask, attn_mask, num_heads)
    if not batched:
        same, keys_same = query is key, key is value
        query = query.unsqueeze(1)
        key = query if same else key.unsqueeze(1)
        value = key if keys_same else value.unsqueeze(1)
        if key_padding_mask is not None:
            key_padding_mask = key_padding_mask.unsqueeze(0)
    (length, batch, embed_dim), source = query.shape, key.shape[0]
    key_padding_mask = _canonical_mask(key_padding_mask, "key_padding_mask", attn_mask, "attn_mask", query.dtype)
    if is_causal and attn_mask is None:
        raise RuntimeError("Need attn_mask if specifying the is_causal hint. You may use the Transformer module method "
                           "`generate_square_subsequent_mask` to create this mask.")
    attn_mask = _canonical_mask(attn_mask, "attn_mask", None, "", query.dtype)
    if embed_dim != embed_dim_to_check:
        raise AssertionError(f"was expecting embedding dimension of {embed_dim_to_check}, but got {embed_dim}")
    if embed_dim % num_heads:
        raise AssertionError(f"embed_dim {embed_dim} not divisible by num_heads {num_heads}")
    if use_separate_proj_weight and key.shape[:2] != value.shape[:2]:
        raise AssertionError(f"key's sequence and batch dims {key.shape[:2]} do not match value's {value.shape[:2]}")
    if not use_separate_proj_weight and key.shape != value.shape:
        raise AssertionError(f"key shape {key.shape} does not match value shape {value.shape}")
    q, k, v = _project(query, key, value, None if use_separate_proj_weight else in_proj_weight,
                       (q_proj_weight, k_proj_weight, v_proj_weight), in_proj_bias)
    if attn_mask is not None:
        want = (length, source) if attn_mask.dim() == 2 else (batch * num_heads, length, source)
        if tuple(attn_mask.shape) != want:
            raise RuntimeError(f"The shape of the {attn_mask.dim()}D attn_mask is {attn_mask.shape}, but should be "
                               f"{want}.")
        if attn_mask.dim() == 3:
            attn_mask = attn_mask.view(batch, num_heads, length, source)
    if bias_k is not None:
        k, v = (_fn.cat([t, b.repeat(1, batch, 1)]) for t, b in ((k, bias_k), (v, bias_v)))
    heads = (num_heads, embed_dim // num_heads)
    q, k, v = (t.unflatten(-1, heads).permute(1, 2, 0, 3) for t in (q, k, v))  # [N, heads, L or S, E / heads]
    k = k if static_k is None else static_k.unflatten(0, (batch, num_heads))
    v = v if static_v is None else static_v.unflatten(0, (batch, num_heads))
    if add_zero_attn:
        k, v = (_fn.cat([t, t.new_zeros((batch, num_heads, 1, heads[1]))], 2) for t in (k, v))
    added = (bias_k is not None) + bool(add_zero_attn)
    if added:
        attn_mask, key_padding_mask = (m if m is None else pad(m, (0, added)) for m in (attn_mask, key_padding_mask))
    if key_padding_mask is not None:
        if key_padding_mask.shape != (batch, k.shape[2]):
            raise AssertionError(f"Expected key_padded_mask.shape[0] to be {batch} and [1] to be {k.shape[2]}, but got "
                                 f"{tuple(key_padding_mask.shape)}")
        padding = key_padding_mask.view(batch, 1, 1, -1)
        attn_mask = padding if attn_mask is None else attn_mask + padding
    dropout_p = dropout_p if training else 0.0
    if need_weights:
        scores = (q * math.sqrt(1 / heads[1])) @ k.transpose(-2, -1)
        weights = softmax(scores if attn_mask is None else scores + attn_mask, dim=-1)
        weights = dropout(weights, dropout_p, dropout_p > 0)
        output = weights @ v
    else:
        output = scaled_dot_product_attention(q, k, v, attn_mask, dropout_p)
    output = linear(output.permute(2, 0, 1, 3).reshape(length, batch, embed_dim), out_proj_weight, out_proj_bias)
    if not batched:
        output = output.squeeze(1)
    if not need_weights:
        return output, None
    weights = weights.mean(1) if average_attn_weights else weights
    return output, weights if batched else weights.squeeze(0)
