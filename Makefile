# The commands of this project. Everything lands in .venv, build and runs; `make clean` removes them.

PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
BLIS := libblis-serial-dev
# The packages of an extra of pyproject.toml.
extra = $(PY) -c "import tomllib; project = tomllib.load(open('pyproject.toml', 'rb'))['project']; \
	print(*project['optional-dependencies']['$(1)'])"
SOURCES := $(shell find csrc pycnn setup.py pyproject.toml \
	-name '*.[ch]' -o -name '*.def' -o -name '*.py' -o -name '*.toml')

RUN := runs/simple_cnn
TEST_IMAGES := from pycnn.vision.datasets import CIFAR10Sample; d = CIFAR10Sample(train=False); \
	[d[k][0].save(f'$(RUN)/test-{d.classes[d[k][1]]}.png') for k in (0, 1, 3)]

.PHONY: run test quick deep bench docs environment system wheel stubs asan tsan clean

# Train SimpleCNN on CIFAR-10, or on the sample that the package ships, then classify three images of the sample.
run: $(VENV)/.built
	$(PY) -m pycnn train --out $(RUN)
	$(PY) -c "$(TEST_IMAGES)"
	$(PY) -m pycnn predict $(RUN) $(RUN)/test-*.png

# Every test, parity with torch included; the site, in which warnings are errors.
test: $(VENV)/.parity
	$(PY) -m pytest
	$(MAKE) -C csrc test
	$(MAKE) docs

# The tests that need no torch, in some 90 seconds.
quick: $(VENV)/.checks
	$(PY) -m pytest -m "not parity and not slow" --ignore=tests/parity

# What takes longer, or 10 GB of disk: odd calls, random programs and convolutions, a hundred steps, files beyond 4 GiB,
# the sanitizers.
deep: $(VENV)/.parity
	PYCNN_FUZZ_SECONDS=600 $(PY) -m pytest -s tests/test_fuzz.py
	PYCNN_RANDOM_PROGRAMS=60000 $(PY) -m pytest tests/parity/test_random_programs.py
	PYCNN_SAME_BITS_STEPS=100 $(PY) -m pytest tests/test_same_bits.py
	PYCNN_RANDOM_CONVOLUTIONS=6000 $(PY) -m pytest -s tests/parity/test_conv_accuracy.py
	PYCNN_BIG_TESTS=1 $(PY) -m pytest tests/parity/test_serialization.py -k beyond_32_bits
	$(MAKE) -C csrc asan tsan
	$(MAKE) asan
	$(MAKE) tsan

# Ratios to torch, onnxruntime and OpenVINO in one process; two threads, a quiet machine. ONLY=step,norm: some of them.
bench: $(VENV)/.parity
	$(PY) -m pip install -q $$($(call extra,bench))
	$(PY) benchmarks/run.py $(if $(ONLY),--only $(ONLY))

# The site, in build/docs; warnings are errors.
docs: $(VENV)/.built
	$(PY) -m pip install -q $$($(call extra,docs))
	$(PY) -m sphinx -q -W --keep-going -b html docs build/docs

environment: $(VENV)/.built

# What pip cannot bring: installed if that is allowed, otherwise the command is printed.
system:
	@missing=; \
	ls /usr/lib/*-linux-gnu/blis-*/libblis.a >/dev/null 2>&1 || [ -n "$$PYCNN_BLIS" ] || missing="$(BLIS)"; \
	$(PYTHON) -c "import ensurepip" 2>/dev/null || missing="$$missing python3-venv"; \
	$(PYTHON) -c "import os, sysconfig; os.stat(sysconfig.get_path('include') + '/Python.h')" 2>/dev/null || \
		missing="$$missing python3-dev"; \
	if [ -z "$$missing" ]; then exit 0; \
	elif [ "$$(id -u)" = 0 ]; then apt-get update -q && apt-get install -qy --no-install-recommends $$missing; \
	elif sudo -n true 2>/dev/null; then \
		sudo apt-get update -q && sudo apt-get install -qy --no-install-recommends $$missing; \
	else echo "Packages are missing. Please run:  sudo apt-get install" $$missing; exit 1; fi

$(VENV)/bin/python: | system
	$(PYTHON) -m venv $(VENV)
	$(PY) -m pip install -q --upgrade pip

$(VENV)/.built: $(SOURCES) | system $(VENV)/bin/python
	$(PY) -m pip install -q "setuptools>=77" wheel "numpy>=2.0"
	$(PY) -m pip install -q --no-build-isolation -e ".[progress,plot]"
	touch $@

$(VENV)/.checks: $(VENV)/.built
	$(PY) -m pip install -q $$($(call extra,test))
	touch $@

$(VENV)/.parity: $(VENV)/.checks
	$(PY) -m pip install -q $$($(call extra,parity))
	touch $@

wheel: | system $(VENV)/bin/python
	$(PY) -m pip install -q build
	$(PY) -m build --wheel

# pycnn/_C.pyi from the operator rows.
stubs: $(VENV)/.built
	$(PY) -m pycnn._stubs pycnn/_C.pyi

# A copy of the tree built with a sanitizer: build/asan, build/tsan.
build/%: $(VENV)/.checks
	rm -rf $@ && mkdir -p $@
	cp -r csrc pycnn tests docs benchmarks notebooks Makefile setup.py pyproject.toml *.md LICENSE LICENSE.blis $@
	rm -f $@/pycnn/*.so
	cd $@ && PYCNN_SANITIZE=$(if $(filter asan,$*),address$(COMMA)undefined,thread) \
		$(CURDIR)/$(PY) setup.py -q build_ext --inplace

COMMA := ,

# The tests without torch, under AddressSanitizer and UndefinedBehaviorSanitizer.
asan: build/asan
	cd build/asan && LD_PRELOAD="$$(gcc -print-file-name=libasan.so) $$(gcc -print-file-name=libubsan.so)" \
	ASAN_OPTIONS=detect_leaks=0:allocator_may_return_null=1 PYTHONMALLOC=malloc \
	$(CURDIR)/$(PY) -m pytest -s -m "not parity and not slow" --ignore=tests/parity

# Two threads that train and two that load, under ThreadSanitizer.
tsan: build/tsan
	cd build/tsan && PYTHONPATH=. LD_PRELOAD=$$(gcc -print-file-name=libtsan.so) $(CURDIR)/$(PY) tests/threads.py

clean:
	rm -rf $(VENV) build dist runs pycnn.egg-info pycnn/*.so
