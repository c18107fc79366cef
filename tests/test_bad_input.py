"""Bad input: every mistake of bad_input.py raises what a user of torch would catch, in words that say what to
change."""

import re
import time
import warnings

import numpy as np
import pytest

import pycnn
from bad_input import CASES, FINE, WARNED, library, text
from pycnn import vision


@pytest.fixture
def t(tmp_path):
    return library(pycnn, vision, tmp_path)


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.name)
def test_a_mistake_is_explained(case, t):
    start = time.monotonic()
    with pytest.raises(Exception) as info:
        case.call(t)
    seconds = time.monotonic() - start
    assert type(info.value) is case.error, repr(info.value)
    message = text(info.value)
    assert re.search(case.words, message) and re.search(case.adds, message), message
    assert seconds < 5  # of which a busy machine takes most
    assert not list(t.folder.glob("**/pwned"))


@pytest.mark.parametrize("name, call, words, result", WARNED, ids=[w[0] for w in WARNED])
def test_a_suspicion_is_a_warning(name, call, words, result, t):
    with pytest.warns(UserWarning, match=words):
        got = call(t)
    np.testing.assert_equal(got.tolist(), result)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(UserWarning, match=words):
            call(t)


@pytest.mark.parametrize("name, call, result", FINE, ids=[f[0] for f in FINE])
def test_what_looks_odd_and_works(name, call, result, t):
    assert call(t) == result


def test_a_copy_is_no_view():
    array = np.arange(4.0)
    with pytest.warns(UserWarning):
        tensor = pycnn.from_numpy(array[::-1])
    tensor[0] = 7
    assert array.tolist() == [0, 1, 2, 3]


def test_state_is_unchanged_by_a_failed_call():
    model = pycnn.nn.Sequential(pycnn.nn.Linear(4, 3), pycnn.nn.BatchNorm1d(3))
    before = [t.clone() for t in model.state_dict().values()]
    for x in (pycnn.zeros(1, 4), pycnn.zeros(2, 5), np.zeros((2, 4))):
        with pytest.raises((ValueError, RuntimeError, TypeError)):
            model(x)
    assert all(pycnn.equal(a, b) for a, b in zip(before, model.state_dict().values()))


CRASHED = {  # calls that once brought the process down
    "a padding beyond 64 bits": (RuntimeError, lambda: pycnn.nn.functional.pad(
        pycnn.zeros(1, 2, 3), (-2 ** 63, 0), mode="replicate")),
    "a stride beyond 64 bits": (RuntimeError,
                                lambda: pycnn.nn.functional.max_pool2d(pycnn.zeros(1, 2, 3, 3), 2, 2 ** 62)),
    "a dilation beyond 64 bits": (RuntimeError, lambda: pycnn.conv2d(
        pycnn.zeros(1, 2, 3, 3), pycnn.zeros(1, 2, 2, 2), dilation=2 ** 62)),
    "a wrapped crop": (RuntimeError, lambda: pycnn.nn.functional.pad(pycnn.zeros(1, 2, 5), (5, -3), mode="circular")),
    "a gradient of None": (TypeError, lambda: pycnn.autograd.grad([None], [])),
    "a gradient for None": (TypeError, lambda: pycnn._C.run_backward(
        (pycnn.ones(1, requires_grad=True) * 2,), None, False, (None,))),
}


@pytest.mark.parametrize("name", CRASHED)
def test_what_once_crashed_is_an_error(name):
    error, call = CRASHED[name]
    with pytest.raises(error):
        call()


def test_pooling_to_no_rows():
    assert pycnn.nn.functional.adaptive_avg_pool2d(pycnn.ones(3, 2, 5), (0, 4)).shape == (3, 0, 4)


@pytest.mark.parametrize("init", ["xavier_uniform_", "xavier_normal_"])
def test_initial_values_of_nothing(init):
    assert getattr(pycnn.nn.init, init)(pycnn.empty(0, 0)).shape == (0, 0)
