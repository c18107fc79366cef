"""Functions that are made of operators, and linalg, against torch: values and gradients."""

import numpy as np
import pytest
import torch

import pycnn
from both import compare

pytestmark = pytest.mark.parity

RNG = np.random.default_rng(3)
X, Y, Z = (
    RNG.standard_normal((3, 4)).astype("f"),
    RNG.standard_normal((5, 4)).astype("f"),
    RNG.random((2, 3, 4)).astype("f"),
)
NAN = np.array([[1, np.nan, 3], [4, 5, np.nan]], "f")
SCALAR = np.array(1.5, "f")
WHOLE = np.array([3, 1, 2], "i8")
SQUARE = RNG.standard_normal((3, 3)).astype("f") + 3 * np.eye(3, dtype="f")

CALLS = {
    "cross": (lambda t, a, b: t.cross(a[:, :3], b[:3, :3], dim=1), [X, Y]),
    "cross of the first": (lambda t, a: t.cross(a, a * 2 + 1), [X]),
    "diag_embed": (lambda t, a: (t.diag_embed(a), t.diag_embed(a, 1), t.diag_embed(a, -2, 0, 2)), [X]),
    "diagflat": (lambda t, a: t.diagflat(a, -1), [X]),
    "diff": (lambda t, a: (t.diff(a), t.diff(a, 2, 0), t.diff(a, prepend=a[:, :1]), (a > 0).diff()), [X]),
    "inner": (lambda t, a, b: (t.inner(a, b), t.inner(a[0], b[0])), [X, Y]),
    "tensordot": (
        lambda t, a, b: (t.tensordot(a, b, ([2], [1])), t.tensordot(b, b, 2), t.tensordot(b[0], a[0].mT, 1)),
        [Z, Y],
    ),
    "kron": (lambda t, a, b: (t.kron(a, b), t.kron(a[0], b)), [X, Y]),
    "logaddexp": (lambda t, a, b: t.logaddexp(a, b[:3]), [X, Y]),
    "xlogy": (lambda t, a, b: t.xlogy((a > 0).float(), b[:3].abs()), [X, Y]),
    "logit": (lambda t, a: (t.logit(a * 0.9 + 0.05), t.logit(a, 0.1)), [Z]),
    "hypot": (lambda t, a, b: t.hypot(a, b[:3]), [X, Y]),
    "degrees": (lambda t, a: (t.deg2rad(a), t.rad2deg(a)), [X]),
    "nansum": (lambda t, a: (t.nansum(a), t.nansum(a, 1), a.nansum(0, keepdim=True)), [NAN]),
    "nanmean": (lambda t, a: (t.nanmean(a), t.nanmean(a, 1)), [NAN]),
    "quantile": (
        lambda t, a: (t.quantile(a, 0.3), t.quantile(a, t.tensor([0.1, 0.5, 1.0]), dim=1), a.quantile(0.5, 0, True)),
        [X],
    ),
    "quantile's ways": (
        lambda t, a: [t.quantile(a, 0.37, 1, interpolation=i) for i in ("lower", "higher", "nearest", "midpoint")],
        [X],
    ),
    "quantile kept": (
        lambda t, a: (t.quantile(a, t.tensor([0.2, 0.4]), keepdim=True), t.quantile(a, t.tensor([0.2]), 1, True)),
        [X],
    ),
    "quantile of nan": (lambda t, a: t.quantile(a, 0.5, 0), [NAN]),
    "scalar's quantile": (
        lambda t, a: (
            t.quantile(a, 0.3, 0), a.quantile(t.tensor([0.2, 0.4]), -1), t.quantile(a, t.tensor([0.2]), 0, True)
        ),
        [SCALAR],
    ),
    "quantile along no such dimension": (lambda t, a: t.quantile(a, 0.5, 1), [SCALAR]),
    "cross of no dimensions": (lambda t, a: t.cross(a, a, dim=0), [SCALAR]),
    "linalg.cross": (lambda t, a, b: (t.linalg.cross(a, b), t.linalg.cross(a, b, dim=0)), [SQUARE, SQUARE + 1]),
    "linalg.cross of four": (lambda t, a: t.linalg.cross(a, a), [X]),
    "diff of no dimensions": (lambda t, a: t.diff(a), [SCALAR]),
    "cdist of no dimensions": (lambda t, a, b: t.cdist(a, b), [SCALAR, X]),
    "cdist of a vector": (lambda t, a, b: t.cdist(b, a[0]), [X, X]),
    "quantile outside": (lambda t, a: t.quantile(a, 1.5), [X]),
    "cov": (lambda t, a: (t.cov(a), t.cov(a, correction=0), t.cov(a[0]), t.corrcoef(a)), [X]),
    "cdist": (lambda t, a, b: (t.cdist(a, b), t.cdist(a, b, p=1.0), t.cdist(a[None], b[None])), [X, Y]),
    "cdist of other rows": (lambda t, a, b: t.cdist(a, b[:, :2]), [X, Y]),
    "block_diag": (lambda t, a, b: t.block_diag(a, b[0], b[0, 0]), [X, Y]),
    "atleast": (
        lambda t, a: (
            t.atleast_1d(a[0, 0]),
            t.atleast_2d(a[0]),
            t.atleast_3d(a),
            t.atleast_3d(a[0]),
            *t.atleast_2d(a[0], a),
        ),
        [X],
    ),
    "stacks": (lambda t, a: (t.dstack([a, a]), t.column_stack([a[:, 0], a])), [X]),
    "cosine": (lambda t, a, b: (t.cosine_similarity(a, b[:3]), t.pairwise_distance(a, b[:3])), [X, Y]),
    "scatter_reduce": (
        lambda t, a: [
            t.zeros(3, 4).scatter_reduce(0, t.tensor([[0, 1, 2, 0], [0, 1, 1, 1]]), a[:2], r, include_self=s)
            for r in ("sum", "mean")
            for s in (True, False)
        ],
        [X],
    ),
    "masked_scatter": (lambda t, a, b: (a.masked_scatter(a > 0, b), a.masked_scatter(a[:, :1] > 0, b)), [X, Y]),
    "logspace": (lambda t, a: (t.logspace(0, 2, 5), t.logspace(-1, 1, 3, 2.0)), [X]),
    "norms": (
        lambda t, a: (
            t.linalg.norm(a),
            t.linalg.norm(a, dim=1),
            t.linalg.norm(a, 1, dim=0),
            t.linalg.norm(a, "fro"),
            t.linalg.norm(a, float("inf")),
            t.linalg.norm(a, 1),
            t.linalg.vector_norm(a, 3),
            t.linalg.vector_norm(a, dim=-1, keepdim=True),
            t.linalg.matrix_norm(a),
            t.linalg.matrix_norm(a, -1, keepdim=True),
        ),
        [X],
    ),
    "norms of batches": (
        lambda t, a: (
            t.linalg.norm(a, 1, dim=(0, 2)),
            t.linalg.matrix_norm(a, float("-inf")),
            t.linalg.norm(a, dim=(1, 2)),
        ),
        [Z],
    ),
    "products": (
        lambda t, a: (t.linalg.multi_dot([a, a, a]), t.linalg.matrix_power(a, 3), t.linalg.matrix_power(a, 0)),
        [SQUARE],
    ),
}


@pytest.mark.filterwarnings("ignore:Using torch.cross without specifying")
@pytest.mark.parametrize("name", CALLS)
def test_gradients_too(name):
    call, arrays = CALLS[name]
    compare(call, arrays, grads="quantile of" not in name, limit=1e-5, what=name)


PLAIN = {
    "triangles": (lambda t, a: (t.tril_indices(3, 4), t.triu_indices(3, 4, 1), t.tril_indices(4, 2, -1)), [X]),
    "searchsorted": (
        lambda t, a: (
            t.searchsorted(a.sort().values, a),
            t.searchsorted(t.tensor([1, 2, 2, 3]), t.tensor([[2, 0], [5, 3]]), right=True),
            t.bucketize(a, t.tensor([-0.5, 0.0, 0.5])),
            t.searchsorted(t.tensor([1.0, 2.0]), 1.5),
        ),
        [X],
    ),
    "combinations": (
        lambda t, a: (
            t.combinations(a),
            t.combinations(a, 3),
            t.combinations(a, 2, True),
            t.cartesian_prod(a, a[:2]),
        ),
        [WHOLE],
    ),
    "unravel": (lambda t, a: t.unravel_index(a * 5, (4, 5)), [WHOLE]),
    "inverse": (
        lambda t, a: (t.inverse(a), t.linalg.inv(a), t.linalg.pinv(a[:, :2]), t.det(a), t.linalg.slogdet(a)[1]),
        [SQUARE],
    ),
    "solve": (lambda t, a: t.linalg.solve(a, a[:, :2]), [SQUARE]),
    "svd": (lambda t, a: (t.linalg.svdvals(a), t.linalg.svd(a)[1]), [X]),
    "eigenvalues": (
        lambda t, a: (t.linalg.eigvalsh(a @ a.mT), t.linalg.eigh(a @ a.mT)[0], t.linalg.cholesky(a @ a.mT)),
        [SQUARE],
    ),
    "ranks": (
        lambda t, a: (t.linalg.matrix_rank(a), t.linalg.matrix_norm(a, 2), t.linalg.matrix_norm(a, "nuc")),
        [X],
    ),
}


@pytest.mark.parametrize("name", PLAIN)
def test_values(name):
    call, arrays = PLAIN[name]
    compare(call, arrays, grads=False, limit=1e-5, what=name)


def test_methods_in_place():
    for t in (pycnn, torch):
        x = t.zeros(3)
        assert x.scatter_reduce_(0, t.tensor([0, 0, 2]), t.ones(3), "sum") is x and x.tolist() == [2, 0, 1]
        assert x.masked_scatter_(x > 0, t.tensor([7.0, 8.0])).tolist() == [7, 0, 8]
    with pytest.raises(NotImplementedError, match="no_grad"):
        pycnn.linalg.inv(pycnn.eye(2, requires_grad=True))
    with pytest.raises(RuntimeError, match="[Ss]ingular"):
        pycnn.linalg.inv(pycnn.zeros(2, 2))
