"""The mistakes of bad_input.py in torch: a handler written for its exceptions catches pycnn's, and its words are
there."""

import itertools
import re
import warnings

import numpy as np
import pytest
import torch
import torchvision

import pycnn
from bad_input import ACCEPTED, CASES, library, text

pytestmark = pytest.mark.parity


@pytest.fixture
def t(tmp_path):
    return library(torch, torchvision, tmp_path)


@pytest.fixture(autouse=True)
def own_words():
    """Warnings of torch's are not what is tested."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@pytest.mark.parametrize("case", [c for c in CASES if c.torch is not ACCEPTED], ids=lambda c: c.name)
def test_torch_raises_it_too(case, t):
    error, words = case.torch or (case.error, case.words)
    with pytest.raises(Exception) as info:
        case.call(t)
    theirs = type(info.value)
    assert isinstance(info.value, error) if case.torch else issubclass(case.error, theirs), repr(info.value)
    assert re.search(words, text(info.value)), text(info.value)


@pytest.mark.parametrize("case", [c for c in CASES if c.torch is ACCEPTED], ids=lambda c: c.name)
def test_torch_accepts_it(case, t):
    case.call(t)


@pytest.mark.parametrize("mode", ["replicate", "reflect", "circular", "constant"])
@pytest.mark.parametrize("n", [1, 2, 5])
def test_paddings_that_crop(mode, n):
    """All amounts: values, or an error, as torch's. Where circular padding would read what it has cropped, torch
    returns memory as it finds it and pycnn raises."""
    x = np.arange(2 * n, dtype=np.float32).reshape(1, 2, n)
    for before, after in itertools.product(range(-2 * n - 2, 2 * n + 3), repeat=2):
        results = []
        for lib in (torch, pycnn):
            try:
                results.append(lib.nn.functional.pad(lib.from_numpy(x.copy()), (before, after), mode=mode).tolist())
            except RuntimeError as error:
                results.append(type(error))
        left = n + min(before, 0) + min(after, 0)
        if mode == "circular" and (before > left or after > left or left < 1):
            assert results[1] is RuntimeError
        else:
            assert results[0] == results[1], (before, after)
