"""The mistakes of bad_input.py in torch: a handler written for its exceptions catches pycnn's, and its words are there."""

import re
import warnings

import pytest
import torch
import torchvision

from bad_input import ACCEPTED, CASES, FINE, library, text

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
