"""Linear algebra: norms with gradients; decompositions by NumPy's LAPACK, without them."""

import functools

import numpy as _np

from pycnn import _C
from pycnn._compound import cross as _cross
from pycnn._missing import getattr_of as _getattr_of

__all__ = ["LinAlgError", "cholesky", "cross", "det", "eigh", "eigvalsh", "inv", "matmul", "matrix_norm",
           "matrix_power", "matrix_rank", "multi_dot", "norm", "pinv", "qr", "slogdet", "solve", "svd", "svdvals",
           "vector_norm"]

matmul = _C.fn.matmul


def cross(input, other, *, dim=-1):
    """Return the cross product of vectors of three elements.

    Parameters
    ----------
    input, other : Tensor
        Broadcast to one shape.
    dim : int, default -1
        Of the vectors.

    Returns
    -------
    Tensor
    """
    return _cross(input, other, dim)


def vector_norm(x, ord=2, dim=None, keepdim=False, *, dtype=None):
    """Return the norm of vectors.

    Parameters
    ----------
    x : Tensor
        Of floats.
    ord : float, default 2
    dim : int or sequence of int, optional
        All by default: x as one vector.
    keepdim : bool, default False
    dtype : dtype, optional
        Of the result.

    Returns
    -------
    Tensor
    """
    return _C.fn.norm(x, ord, dim, keepdim, dtype=dtype)


def matrix_norm(A, ord="fro", dim=(-2, -1), keepdim=False, *, dtype=None):
    """Return the norm of matrices.

    Parameters
    ----------
    A : Tensor [..., n, m]
    ord : {"fro", "nuc", inf, -inf, 1, -1, 2, -2}
        Sums of rows (infinities) or columns (1), singular values (2, "nuc").
    dim : pair of int, default (-2, -1)
    keepdim : bool, default False
    dtype : dtype, optional
        Of the result.

    Returns
    -------
    Tensor

    Raises
    ------
    ValueError
        If `ord` is something else.
    """
    A = A if dtype is None else A.to(dtype)
    if ord == "fro":
        return _C.fn.norm(A, 2, list(dim), keepdim)
    if ord in (1, -1, float("inf"), -float("inf")):
        summed, kept = (dim[0], dim[1]) if abs(ord) == 1 else (dim[1], dim[0])
        sums = A.abs().sum(summed, keepdim=True)
        result = sums.amax(kept, keepdim=True) if ord > 0 else sums.amin(kept, keepdim=True)
    elif ord in ("nuc", 2, -2):
        values = svdvals(A.movedim(dim, (-2, -1)))
        result = values.sum(-1) if ord == "nuc" else values.amax(-1) if ord == 2 else values.amin(-1)
        if not keepdim:
            return result
        return result[..., None, None].movedim((-2, -1), dim)
    else:
        raise ValueError(f"linalg.matrix_norm: Order {ord} not supported.")
    if keepdim:
        return result
    first, last = sorted(d % A.dim() for d in dim)
    return result.squeeze(last).squeeze(first)


def norm(A, ord=None, dim=None, keepdim=False, *, out=None, dtype=None):
    """Return the norm of vectors or matrices.

    Parameters
    ----------
    A : Tensor
    ord : float or str, optional
        2 of all elements by default; see :func:`vector_norm` and :func:`matrix_norm`.
    dim : int or pair of int, optional
        One: of vectors; two: of matrices if `ord` is given.
    keepdim : bool, default False
    out : Tensor, optional
        Receives the result.
    dtype : dtype, optional
        Of the result.

    Returns
    -------
    Tensor
    """
    dims = dim if isinstance(dim, (tuple, list)) else None if dim is None else (dim,)
    if ord is None:
        result = vector_norm(A, 2, None if dims is None else list(dims), keepdim, dtype=dtype)
    elif isinstance(ord, str) or (dims is None and A.dim() == 2) or (dims is not None and len(dims) == 2):
        result = matrix_norm(A, ord, (-2, -1) if dims is None else dims, keepdim, dtype=dtype)
    else:
        result = vector_norm(A, ord, None if dims is None else list(dims), keepdim, dtype=dtype)
    return result if out is None else out.copy_(result)


def multi_dot(tensors):
    """Return the product of several matrices.

    Parameters
    ----------
    tensors : sequence of Tensor

    Returns
    -------
    Tensor
    """
    return functools.reduce(_C.fn.matmul, tensors)


def matrix_power(A, n):
    """Return a product of a matrix with itself.

    Parameters
    ----------
    A : Tensor [..., m, m]
    n : int
        Negative: of its inverse.

    Returns
    -------
    Tensor
    """
    if n == 0:
        return _C.fn.eye(A.shape[-1], dtype=A.dtype).expand(A.shape).clone()
    return multi_dot([inv(A) if n < 0 else A] * abs(n))


def _arrays(name, *tensors):
    for t in tensors:
        if not t.is_floating_point():
            raise RuntimeError(f"linalg.{name}: Expected a floating point or complex tensor as input. Got {t.dtype}")
        if t.requires_grad and _C.is_grad_enabled():
            raise NotImplementedError(f"linalg.{name} has no gradient in pycnn: call it within torch.no_grad(), or on "
                                      "x.detach()")
    return [t.detach().numpy() for t in tensors]


def _tensors(results):
    if isinstance(results, tuple):
        return tuple(map(_tensors, results))
    return _C.from_data(_np.array(results, order="C"))[0]


def _call(name, function, *tensors, **options):
    try:
        return _tensors(function(*_arrays(name, *tensors), **options))
    except _np.linalg.LinAlgError as error:
        raise LinAlgError(f"linalg.{name}: {error}") from None


class LinAlgError(RuntimeError):
    """A matrix that is singular, or not of the kind asked for.

    Parameters
    ----------
    *args : object
    """


def inv(A):
    """Return the inverse of matrices. No gradient.

    Parameters
    ----------
    A : Tensor [..., n, n]

    Returns
    -------
    Tensor
    """
    return _call("inv", _np.linalg.inv, A)


def det(A):
    """Return the determinants of matrices. No gradient.

    Parameters
    ----------
    A : Tensor [..., n, n]

    Returns
    -------
    Tensor
    """
    return _call("det", lambda a: _np.asarray(_np.linalg.det(a), a.dtype), A)


def slogdet(A):
    """Return sign and logarithm of the determinants of matrices. No gradient.

    Parameters
    ----------
    A : Tensor [..., n, n]

    Returns
    -------
    tuple of two Tensor
    """
    return _call("slogdet", lambda a: tuple(_np.asarray(v, a.dtype) for v in _np.linalg.slogdet(a)), A)


def solve(A, B):
    """Return X with ``A @ X == B``. No gradient.

    Parameters
    ----------
    A : Tensor [..., n, n]
    B : Tensor [..., n, k] or [n]

    Returns
    -------
    Tensor
    """
    return _call("solve", _np.linalg.solve, A, B)


def pinv(A, *, rcond=None, hermitian=False):
    """Return the pseudoinverse of matrices. No gradient.

    Parameters
    ----------
    A : Tensor [..., n, m]
    rcond : float, optional
        Singular values below this part of the largest count as 0.
    hermitian : bool, default False
        The matrices are symmetric.

    Returns
    -------
    Tensor
    """
    limit = max(A.shape[-2:]) * _np.finfo(A.detach().numpy().dtype).eps if rcond is None else rcond
    return _call("pinv", _np.linalg.pinv, A, rcond=limit, hermitian=hermitian)


def matrix_rank(A, *, tol=None, hermitian=False):
    """Return the ranks of matrices.

    Parameters
    ----------
    A : Tensor [..., n, m]
    tol : float, optional
        Singular values below it count as 0.
    hermitian : bool, default False
        The matrices are symmetric.

    Returns
    -------
    Tensor of int64
    """
    return _call("matrix_rank", lambda a: _np.asarray(_np.linalg.matrix_rank(a, tol, hermitian), _np.int64), A.detach())


def svd(A, full_matrices=True):
    """Return U, S and Vh with ``A == U @ diag(S) @ Vh``. No gradient; signs are LAPACK's.

    Parameters
    ----------
    A : Tensor [..., n, m]
    full_matrices : bool, default True
        Square U and Vh.

    Returns
    -------
    tuple of three Tensor
    """
    return _call("svd", lambda a: tuple(_np.linalg.svd(a, full_matrices)), A)


def svdvals(A):
    """Return the singular values of matrices, the largest first. No gradient.

    Parameters
    ----------
    A : Tensor [..., n, m]

    Returns
    -------
    Tensor
    """
    return _call("svdvals", lambda a: _np.linalg.svd(a, compute_uv=False), A)


def qr(A, mode="reduced"):
    """Return Q, with orthogonal columns, and R, upper triangular, with ``A == Q @ R``. No gradient.

    Parameters
    ----------
    A : Tensor [..., n, m]
    mode : {"reduced", "complete"}

    Returns
    -------
    tuple of two Tensor
    """
    return _call("qr", lambda a: tuple(_np.linalg.qr(a, mode)), A)


def eigh(A, UPLO="L"):
    """Return the eigenvalues of symmetric matrices, the least first, and their vectors, as columns. No gradient.

    Parameters
    ----------
    A : Tensor [..., n, n]
    UPLO : {"L", "U"}
        Which triangle is read.

    Returns
    -------
    tuple of two Tensor
    """
    return _call("eigh", lambda a: tuple(_np.linalg.eigh(a, UPLO)), A)


def eigvalsh(A, UPLO="L"):
    """Return the eigenvalues of symmetric matrices, the least first. No gradient.

    Parameters
    ----------
    A : Tensor [..., n, n]
    UPLO : {"L", "U"}
        Which triangle is read.

    Returns
    -------
    Tensor
    """
    return _call("eigvalsh", lambda a: _np.linalg.eigvalsh(a, UPLO), A)


def cholesky(A, *, upper=False):
    """Return L, lower triangular, with ``A == L @ L.T``. No gradient.

    Parameters
    ----------
    A : Tensor [..., n, n]
    upper : bool, default False
        Return its transpose.

    Returns
    -------
    Tensor
    """
    result = _call("cholesky", _np.linalg.cholesky, A)
    return result.mT.contiguous() if upper else result


inverse, pinverse = inv, pinv  # their names in torch itself

__getattr__ = _getattr_of(__name__, __all__)
