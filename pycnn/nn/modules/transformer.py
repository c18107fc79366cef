"""Encoders of transformers. Vaswani et al., arXiv:1706.03762."""

import copy

from pycnn.nn import functional as F
from pycnn.nn.modules.attention import MultiheadAttention
from pycnn.nn.modules.container import ModuleList
from pycnn.nn.modules.dropout import Dropout
from pycnn.nn.modules.linear import Linear
from pycnn.nn.modules.module import Module
from pycnn.nn.modules.normalization import LayerNorm

_ACTIVATIONS = {"relu": F.relu, "gelu": F.gelu}


class TransformerEncoderLayer(Module):
    """Self-attention and two linear layers, each added to its input and normalised.

    Called with a sequence [L, N, d_model] (N first with `batch_first`) and as options ``src_mask``,
    ``src_key_padding_mask`` and ``is_causal``: the masks of :class:`MultiheadAttention`. Returns the input's shape.

    Parameters
    ----------
    d_model : int
        Features.
    nhead : int
        Heads.
    dim_feedforward : int, default 2048
        Between the linear layers.
    dropout : float, default 0.1
    activation : {"relu", "gelu"} or callable, default relu
    layer_norm_eps : float, default 1e-5
    batch_first : bool, default False
    norm_first : bool, default False
        Normalise what goes into a part, not what comes out.
    bias : bool, default True
        Of the linear layers and norms.
    device : device or str, optional
        "cpu"; any other is refused.
    dtype : dtype, optional
        Of the parameters; float32 by default.

    Raises
    ------
    RuntimeError
        If `activation` is another text.

    See Also
    --------
    torch.nn.TransformerEncoderLayer : same initial weights for the same seed, same dropout.
    """

    def __init__(self, d_model, nhead, dim_feedforward=2048, dropout=0.1, activation=F.relu, layer_norm_eps=1e-5,
                 batch_first=False, norm_first=False, bias=True, device=None, dtype=None):
        super().__init__()
        factory = {"device": device, "dtype": dtype}
        self.self_attn = MultiheadAttention(d_model, nhead, dropout=dropout, bias=bias, batch_first=batch_first,
                                            **factory)
        self.linear1 = Linear(d_model, dim_feedforward, bias=bias, **factory)
        self.dropout = Dropout(dropout)
        self.linear2 = Linear(dim_feedforward, d_model, bias=bias, **factory)
        self.norm_first = norm_first
        self.norm1 = LayerNorm(d_model, eps=layer_norm_eps, bias=bias, **factory)
        self.norm2 = LayerNorm(d_model, eps=layer_norm_eps, bias=bias, **factory)
        self.dropout1, self.dropout2 = Dropout(dropout), Dropout(dropout)
        if isinstance(activation, str):
            if activation not in _ACTIVATIONS:
                raise RuntimeError(f"activation should be relu/gelu, not {activation}")
            activation = _ACTIVATIONS[activation]
        self.activation = activation

    def forward(self, src, src_mask=None, src_key_padding_mask=None, is_causal=False):
        x = src
        masks = src_mask, src_key_padding_mask, is_causal
        if self.norm_first:
            x = x + self._sa_block(self.norm1(x), *masks)
            return x + self._ff_block(self.norm2(x))
        x = self.norm1(x + self._sa_block(x, *masks))
        return self.norm2(x + self._ff_block(x))

    def _sa_block(self, x, attn_mask, key_padding_mask, is_causal=False):
        return self.dropout1(self.self_attn(x, x, x, attn_mask=attn_mask, key_padding_mask=key_padding_mask,
                                            need_weights=False, is_causal=is_causal)[0])

    def _ff_block(self, x):
        return self.dropout2(self.linear2(self.dropout(self.activation(self.linear1(x)))))


class TransformerEncoder(Module):
    """Layers of an encoder, one after the other; all begin as copies of one.

    Called with a sequence and as options ``mask``, ``src_key_padding_mask`` and ``is_causal``.

    Parameters
    ----------
    encoder_layer : Module
        A :class:`TransformerEncoderLayer`; copied.
    num_layers : int
    norm : Module, optional
        Of what the last layer gives.
    enable_nested_tensor : bool, default True
        Accepted: there are no nested tensors here. Where torch takes them, in evaluation with a padding mask, it
        gives zeros at padded places; here they hold what the layers compute.
    mask_check : bool, default True
        Accepted; it speaks of nested tensors.

    See Also
    --------
    torch.nn.TransformerEncoder : same results where nothing is padded.
    """

    def __init__(self, encoder_layer, num_layers, norm=None, enable_nested_tensor=True, mask_check=True):
        super().__init__()
        self.layers = ModuleList([copy.deepcopy(encoder_layer) for _ in range(num_layers)])
        self.num_layers, self.norm = num_layers, norm
        self.enable_nested_tensor, self.mask_check = enable_nested_tensor, mask_check

    def forward(self, src, mask=None, src_key_padding_mask=None, is_causal=None):
        output = src
        for layer in self.layers:
            output = layer(output, src_mask=mask, src_key_padding_mask=src_key_padding_mask, is_causal=bool(is_causal))
        return output if self.norm is None else self.norm(output)
