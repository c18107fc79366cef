"""What must hold for every operator, whatever it computes: documented, tested, no leaks, able to fail,
deterministic."""

import gc
import re
import sys

import numpy as np
import pytest

import opsample
import pycnn
from opinfo import OPS
from opsample import ROWS
from pycnn import _C

each_op = pytest.mark.parametrize("op", OPS.values(), ids=str)


def run(op, sample, layout="contiguous", dtype="float32"):
    """Values of the results and, for weights of 1, of the gradients, as bytes."""
    if op.seeded:
        pycnn.manual_seed(7)
    args, kwargs = opsample.build_pycnn(sample, layout, dtype)
    if op.row[0] & opsample.WRITES:
        args[0] = args[0].clone()
    out = opsample.tensors(op.call(*args, **kwargs))
    leaves = [a for a in opsample.flat(args) if isinstance(a, pycnn.Tensor) and a.is_leaf and a.requires_grad]
    results = [t.data.numpy() for t in out]
    wanted = [t for t in out if t.grad_fn is not None]
    if wanted and leaves and op.row[2]:
        grads = _C.run_backward(tuple(wanted), tuple(t.new_ones(t.shape) for t in wanted), False, tuple(leaves))
        results += [None if g is None else g.numpy() for g in grads]
    return [None if r is None else r.tobytes() for r in results]


def test_every_row_is_in_the_table():
    missing = set(ROWS) - set(OPS)
    assert not missing, (f"rows without a line in tests/opinfo.py: {sorted(missing)}. "
                         "Add op(name, [samples]); see the docstrings there.")


def test_table_has_no_other_rows():
    assert not set(OPS) - set(ROWS), "lines in tests/opinfo.py without a row in csrc/ops"


@pytest.mark.parametrize("name", ROWS)
def test_row_is_well_formed(name):
    schema, flags, doc, differentiable = ROWS[name]
    assert re.fullmatch(r"\w+(\.\w+)?\(.*\) -> (Tensor|Tensor\[\]|\(Tensor \w+, Tensor \w+\))", schema)
    first, *others = doc.split("\n")
    assert first and first[-1] in ".?" and all(re.fullmatch(r"\w+: .+[.?]", line) for line in others)
    assert bool(flags & opsample.WRITES) == name.split(".")[0].endswith("_")
    assert not (flags & opsample.NOGRAD and differentiable)
    names = re.findall(r"(?:\w+[\]\[?\d]*) (\w+)(?=[=,)])", schema.split(" -> ")[0])
    assert len(names) == len(set(names))


@pytest.fixture(scope="module", autouse=True)
def no_garbage():
    """Collect what tests before these have left: it would go away between two counts."""
    gc.collect()


def live_blocks():
    """Blocks in use. Nothing here makes cycles, so there is nothing to collect first."""
    return _C._alloc_stats()["live_blocks"]


@each_op
def test_leaks_no_blocks(op):
    """20 calls, forward and backward, leave the allocator as the first ones did."""
    def all_samples():
        for sample in op.samples:
            run(op, sample)
    all_samples()
    before = live_blocks()
    for _ in range(20):
        all_samples()
    assert live_blocks() == before


@each_op
def test_leaks_no_objects(op):
    """400 calls leave no Python objects behind."""
    sample = op.samples[0]
    args, kwargs = opsample.build_pycnn(sample)
    if op.row[0] & opsample.WRITES:
        args[0] = args[0].data.clone()
    for _ in range(10):
        op.call(*args, **kwargs)
    gc.freeze()  # for the speed of collections

    def growth():
        gc.collect()  # empties the interpreter's lists of free objects, too
        before = sys.getallocatedblocks()
        for _ in range(400):
            op.call(*args, **kwargs)
        gc.collect()
        return sys.getallocatedblocks() - before

    assert any(growth() < 40 for _ in range(3))  # some are made once


@each_op
def test_survives_failing_allocations(op):
    """The n-th allocation fails, for each n until none does: MemoryError, and nothing stays behind."""
    for sample in op.samples[:3]:
        with pycnn.no_grad():
            run(op, sample)  # whatever is cached for good
        before = live_blocks()
        for n in range(400):
            _C._alloc_fail_after(n)
            try:
                run(op, sample)
                failed = False
            except MemoryError:
                failed = True
            finally:
                _C._alloc_fail_after(-1)
            assert live_blocks() == before, f"{sample}: blocks left after the failure of allocation {n}"
            if not failed:
                break
        else:
            pytest.fail(f"{sample}: more than 400 allocations")


@each_op
def test_does_not_depend_on_threads(op):
    threads = _C.get_num_threads()
    try:
        for sample in op.samples:
            results = []
            for n in (1, 3):
                _C.set_num_threads(n)
                results.append(run(op, sample) if op.values else None)
            assert results[0] == results[1], str(sample)
    finally:
        _C.set_num_threads(threads)


@each_op
def test_layouts_agree(op):
    """All layouts of the arguments give the contiguous one's results, but for the order of sums."""
    if not op.values:
        return
    for sample, layout, dtype in op.cases():
        got = values(op, sample, layout, dtype)
        if layout == "contiguous":
            if dtype == op.dtypes[0]:  # the first case of a sample
                want = {}
            want[dtype] = got
            continue
        for result, expected in zip(got, want[dtype], strict=True):
            np.testing.assert_allclose(result, expected, op.rtol * 10, op.atol * 10,
                                       err_msg=f"{sample} {layout} {dtype}")


def values(op, sample, layout, dtype):
    """The results as float64 arrays."""
    if op.seeded:
        pycnn.manual_seed(7)
    args, kwargs = opsample.build_pycnn(sample, layout, dtype, grad=False)
    try:
        return [t.numpy().astype("float64") for t in opsample.tensors(op.call(*args, **kwargs))]
    except (RuntimeError, TypeError):  # a dtype that it does not take: the same for all layouts
        return []
