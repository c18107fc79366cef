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
    padding_idx : int, optional
        A row that starts as zeros and gets no gradient; counted from the end if negative.
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
        If `max_norm`, `scale_grad_by_freq` or `sparse` is given.
    AssertionError
        If `padding_idx` is no row, or `_weight` has another shape.
    """

    def __init__(self, num_embeddings, embedding_dim, padding_idx=None, max_norm=None, norm_type=2.0,
                 scale_grad_by_freq=False, sparse=False, _weight=None, _freeze=False, device=None, dtype=None):
        super().__init__()
        if max_norm is not None or scale_grad_by_freq or sparse:
            raise NotImplementedError("Embedding: max_norm, scale_grad_by_freq and sparse are not supported")
        if padding_idx is not None:
            if not -num_embeddings <= padding_idx < num_embeddings:
                raise AssertionError("Padding_idx must be within num_embeddings")
            padding_idx %= num_embeddings
        if _weight is not None and tuple(_weight.shape) != (num_embeddings, embedding_dim):
            raise AssertionError("Shape of weight does not match num_embeddings and embedding_dim")
        self.num_embeddings, self.embedding_dim, self.padding_idx = num_embeddings, embedding_dim, padding_idx
        data = _C.fn.empty((num_embeddings, embedding_dim), device=device, dtype=dtype) if _weight is None else _weight
        self.weight = Parameter(data, not _freeze)
        if _weight is None:
            self.reset_parameters()

    def reset_parameters(self):
        """Draw standard normal vectors; that of `padding_idx` becomes zero."""
        init.normal_(self.weight)
        if self.padding_idx is not None:
            self.weight.data[self.padding_idx].fill_(0)

    @classmethod
    def from_pretrained(cls, embeddings, freeze=True, padding_idx=None, max_norm=None, norm_type=2.0,
                        scale_grad_by_freq=False, sparse=False):
        """Make one with a given table.

        Parameters
        ----------
        embeddings : Tensor [rows, features]
        freeze : bool, default True
            Do not learn.
        padding_idx, max_norm, norm_type, scale_grad_by_freq, sparse
            As of the class.

        Returns
        -------
        Embedding

        Raises
        ------
        AssertionError
            If `embeddings` is no matrix.
        """
        if embeddings.dim() != 2:
            raise AssertionError("Embeddings parameter is expected to be 2-dimensional")
        rows, columns = embeddings.shape
        return cls(rows, columns, padding_idx, max_norm, norm_type, scale_grad_by_freq, sparse, embeddings, freeze)

    def forward(self, input):
        return F.embedding(input, self.weight, self.padding_idx)

    def extra_repr(self):
        padding = f", padding_idx={self.padding_idx}" if self.padding_idx is not None else ""
        return f"{self.num_embeddings}, {self.embedding_dim}{padding}"
