"""Some seconds of fuzz_public.py; ten minutes of it in `make deep`, from another seed each time."""

import os
import random

import fuzz_public
import pytest


@pytest.mark.slow
def test_nothing_that_python_reaches_crashes_or_hangs():
    seconds = os.environ.get("PYCNN_FUZZ_SECONDS")
    first = random.randrange(10 ** 6) if seconds else 0
    count = fuzz_public.fuzz(float(seconds or 5), first)
    print(f"{count} programs from seed {first}")
    assert count > 0
