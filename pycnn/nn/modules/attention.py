"""Multi-head attention."""

from pycnn import _C
from pycnn.nn import functional as F
from pycnn.nn import init
from pycnn.nn.modules.linear import NonDynamicallyQuantizableLinear
from pycnn.nn.modules.module import Module
from pycnn.nn.parameter import Parameter


class MultiheadAttention(Module):
    """Attention with several heads.

    Called with query [L, N, E], key [S, N, kdim], value [S, N, vdim] (N first with `batch_first`, absent for one
    sequence) and as options ``key_padding_mask``, ``need_weights=True``, ``attn_mask``,
    ``average_attn_weights=True`` and
    ``is_causal=False``, as :func:`pycnn.nn.functional.multi_head_attention_forward` says. Returns the output, of the
    query's shape, and the weights of attention, or None without `need_weights`.

    Parameters
    ----------
    embed_dim : int
        E; the heads share it.
    num_heads : int
    dropout : float, default 0.0
        Probability that a weight of attention is zeroed.
    bias : bool, default True
        Of the projections.
    add_bias_kv : bool, default False
        Learn a further key and value.
    add_zero_attn : bool, default False
        Add a key and value of zeros.
    kdim, vdim : int, optional
        Of keys and values; `embed_dim` by default.
    batch_first : bool, default False
        Inputs are [N, L, E].
    device : device or str, optional
        "cpu"; any other is refused.
    dtype : dtype, optional
        Of the parameters; float32 by default.

    Raises
    ------
    ValueError
        If `embed_dim` or `num_heads` is not positive.
    AssertionError
        If `num_heads` does not divide `embed_dim`.

    See Also
    --------
    torch.nn.MultiheadAttention : same initial weights for the same seed, same dropout.

    Examples
    --------
    >>> attention = MultiheadAttention(16, 4, batch_first=True)
    >>> x = pycnn.zeros(2, 5, 16)
    >>> output, weights = attention(x, x, x)
    >>> output.shape, weights.shape
    (torch.Size([2, 5, 16]), torch.Size([2, 5, 5]))
    """

    def __init__(self, embed_dim, num_heads, dropout=0.0, bias=True, add_bias_kv=False, add_zero_attn=False, kdim=None,
                 vdim=None, batch_first=False, device=None, dtype=None):
        if embed_dim <= 0 or num_heads <= 0:
            raise ValueError(f"embed_dim and num_heads must be greater than 0, got embed_dim={embed_dim} and "
                             f"num_heads={num_heads} instead")
        super().__init__()
        self.embed_dim, self.num_heads, self.dropout, self.batch_first = embed_dim, num_heads, dropout, batch_first
        self.kdim = embed_dim if kdim is None else kdim
        self.vdim = embed_dim if vdim is None else vdim
        self._qkv_same_embed_dim = self.kdim == embed_dim and self.vdim == embed_dim
        self.head_dim = embed_dim // num_heads
        if self.head_dim * num_heads != embed_dim:
            raise AssertionError("embed_dim must be divisible by num_heads")

        def parameter(*shape):
            return Parameter(_C.fn.empty(shape, device=device, dtype=dtype))

        if self._qkv_same_embed_dim:
            self.in_proj_weight = parameter(3 * embed_dim, embed_dim)
            for name in ("q_proj_weight", "k_proj_weight", "v_proj_weight"):
                self.register_parameter(name, None)
        else:
            self.q_proj_weight = parameter(embed_dim, embed_dim)
            self.k_proj_weight = parameter(embed_dim, self.kdim)
            self.v_proj_weight = parameter(embed_dim, self.vdim)
            self.register_parameter("in_proj_weight", None)
        if bias:
            self.in_proj_bias = parameter(3 * embed_dim)
        else:
            self.register_parameter("in_proj_bias", None)
        self.out_proj = NonDynamicallyQuantizableLinear(embed_dim, embed_dim, bias=bias, device=device, dtype=dtype)
        self.bias_k = parameter(1, 1, embed_dim) if add_bias_kv else None
        self.bias_v = parameter(1, 1, embed_dim) if add_bias_kv else None
        self.add_zero_attn = add_zero_attn
        self._reset_parameters()

    def _reset_parameters(self):
        for weight in (self.in_proj_weight, self.q_proj_weight, self.k_proj_weight, self.v_proj_weight):
            if weight is not None:
                init.xavier_uniform_(weight)
        if self.in_proj_bias is not None:
            init.zeros_(self.in_proj_bias)
            init.zeros_(self.out_proj.bias)
        if self.bias_k is not None:
            init.xavier_normal_(self.bias_k)
            init.xavier_normal_(self.bias_v)

    def merge_masks(self, attn_mask, key_padding_mask, query):
        """Return one mask of [N, num_heads, L, L] for two, and of which kind it is.

        Parameters
        ----------
        attn_mask : Tensor [L, L] or [N * num_heads, L, L], or None
        key_padding_mask : Tensor [N, L] or None
            Returned as it is where it is the only one.
        query : Tensor [N, L, E]

        Returns
        -------
        (Tensor or None, int or None)
            The mask; 1 for one of padding, 2 for one of attention or both, None for none.
        """
        if attn_mask is None:
            return key_padding_mask, None if key_padding_mask is None else 1
        n, length, _ = query.shape
        if attn_mask.dim() == 3:
            merged = attn_mask.view(n, -1, length, length)
        else:
            merged = attn_mask.view(1, 1, length, length).expand(n, self.num_heads, -1, -1)
        if key_padding_mask is not None:
            merged = merged + key_padding_mask.view(n, 1, 1, length).expand(-1, self.num_heads, -1, -1)
        return merged, 2

    def forward(self, query, key, value, key_padding_mask=None, need_weights=True, attn_mask=None,
                average_attn_weights=True, is_causal=False):
        if self.batch_first and query.dim() == 3:  # one transposed tensor where one came, so that one projection serves
            same, keys_same = query is key, key is value
            query = query.transpose(1, 0)
            key = query if same else key.transpose(1, 0)
            value = key if keys_same else value.transpose(1, 0)
            swapped = True
        else:
            swapped = False
        output, weights = F.multi_head_attention_forward(
            query, key, value, self.embed_dim, self.num_heads, self.in_proj_weight, self.in_proj_bias, self.bias_k,
            self.bias_v, self.add_zero_attn, self.dropout, self.out_proj.weight, self.out_proj.bias, self.training,
            key_padding_mask, need_weights, attn_mask, not self._qkv_same_embed_dim, self.q_proj_weight,
            self.k_proj_weight, self.v_proj_weight, average_attn_weights=average_attn_weights, is_causal=is_causal)
        return output.transpose(1, 0) if swapped else output, weights
