"""Embedding."""

from pycnn import _C
from pycnn.nn import functional as F
from pycnn.nn import init
from pycnn.nn.modules.module import Module
from pycnn.nn.parameter import Parameter


class Embedding(Module):
    """A table of vectors, looked up by integer.

    Parameters
    ----------
    num_embeddings : int
        Rows of the table.
    embedding_dim : int
        Length of each vector.
    padding_idx : None, optional
        Not supported.
    max_norm : None, optional
        Not supported.
    norm_type : float, default 2.0
        Of `max_norm`.
    scale_grad_by_freq : bool, default False
        True is not supported.
    sparse : bool, default False
        True is not supported.
    _weight : Tensor, optional
        The table, instead of random numbers.
    _freeze : bool, default False
        Do not learn.
    device : device or str, optional
        "cpu"; any other is refused.
    dtype : dtype, optional
        Of the parameters; float32 by default.

    Raises
    ------
    NotImplementedError
        If `padding_idx`, `max_norm`, `scale_grad_by_freq` or `sparse` is given.
    """

    def __init__(self, num_embeddings, embedding_dim, padding_idx=None, max_norm=None, norm_type=2.0,
                 scale_grad_by_freq=False, sparse=False, _weight=None, _freeze=False, device=None, dtype=None):
        super().__init__()
        if padding_idx is not None or max_norm is not None or scale_grad_by_freq or sparse:
            raise NotImplementedError("Embedding: padding_idx, max_norm, scale_grad_by_freq and sparse are not supported")
        self.num_embeddings, self.embedding_dim = num_embeddings, embedding_dim
        data = _C.fn.empty((num_embeddings, embedding_dim), device=device, dtype=dtype) if _weight is None else _weight
        self.weight = Parameter(data, not _freeze)
        if _weight is None:
            self.reset_parameters()

    def reset_parameters(self):
        """Draw standard normal vectors."""
        init.normal_(self.weight)

    def forward(self, input):
        return F.embedding(input, self.weight)

    def extra_repr(self):
        return f"{self.num_embeddings}, {self.embedding_dim}"
