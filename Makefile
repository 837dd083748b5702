# Everything starts from a bare machine with python3 and make:
#   make tour                    install, then run every experiment of the course
#   make test                    install, then format check, lint, types and tests: five minutes
#   make quick                   run the tests that a developer runs after each edit: a minute
#   make slow                    run the slow tests, all or a part: make slow PART=graph
#   make course                  install the generator of the site, build the site and open the course
#   make docs                    the same, and open the reference
#   make wheel                   build the course, and a wheel that has it
#   make release                 build the wheel and check it in empty environments
#   make lowest                  run the tests with the lowest versions of all dependencies
#   make smoke                   run the tests that other versions of Python may fail
#   make runtime                 build the runtimes of pages, with npm, and the modules that the package ships
#   make processors              run the tests of compiled C for other processors
#   make stubs                   write the type stubs of modules whose names are made at run time
#   make PYTHON=python3.13 test  the same with another Python
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

# A stamp carries the interpreter's name, so that naming another one builds the environment anew.
CREATED := $(VENV)/.created-$(notdir $(PYTHON))
INSTALLED := $(VENV)/.installed
INSTALLED_COURSE := $(VENV)/.installed-course
INSTALLED_DEV := $(VENV)/.installed-dev
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --editable

.PHONY: tour course docs wheel release check-wheel test all-tests quick lowest smoke slow peers processors bench lint style types format stubs runtime check-runtime clean

tour: $(INSTALLED)
	$(BIN)/pellucid tour

course: $(INSTALLED_COURSE)
	$(BIN)/pellucid course

docs: $(INSTALLED_COURSE)
	$(BIN)/pellucid docs

# The wheel has the built site, so that a reader needs no generator.
wheel: $(INSTALLED_COURSE)
	$(BIN)/python -m pellucid.course.site.shipped
	rm -rf dist
	$(BIN)/python -m pip wheel --quiet --disable-pip-version-check --no-deps --wheel-dir dist .

# Tests wait for processes and pages a fifth of the time, so types are checked meanwhile.
test: style
	$(MAKE) --no-print-directory --jobs=2 types all-tests

all-tests: $(INSTALLED_DEV)
	$(BIN)/pytest

release: wheel
	$(MAKE) check-wheel

# Checks the wheel of a folder in empty environments: with the dependencies only, and with the extra train.
WHEELS := dist
EXTRAS := core train
check-wheel:
	for extra in $(EXTRAS); do \
	  $(PYTHON) -m venv --clear build/$$extra && \
	  build/$$extra/bin/python -m pip install --quiet --disable-pip-version-check \
	    "$$(ls $(CURDIR)/$(WHEELS)/pellucid-*.whl)$$( [ $$extra = core ] || echo "[$$extra]" )" && \
	  (mkdir -p build/empty && cd build/empty && PELLUCID_CACHE=0 ../$$extra/bin/python -I $(CURDIR)/.ci/check_install.py $$extra) || exit 1; \
	done

# Tests with the lowest versions of all direct dependencies; the newer ones of others deprecate what these use.
lowest: $(INSTALLED_DEV)
	$(INSTALL) ".[dev]" uv
	$(BIN)/uv venv --quiet --clear --python $(BIN)/python build/lowest
	$(BIN)/uv pip install --quiet --python build/lowest/bin/python --resolution lowest-direct --editable ".[dev]"
	build/lowest/bin/python -m pytest -W ignore::DeprecationWarning

# Tests of language features and of every level, for another version of Python.
smoke: $(INSTALLED_DEV)
	$(BIN)/pytest tests/test_tiny.py tests/test_package.py tests/test_optional_packages.py tests/model tests/saving \
	  tests/data tests/cli/test_train.py

# Tests of every package that start no process, no browser and no compiler. Networks take longer without compiled C, so
# the limit of a test is twice that of `make test`.
quick: $(INSTALLED_DEV)
	PELLUCID_TEST_LIMIT=1 $(BIN)/pytest --no-processes @tests/quick.txt

# Records in tests/slow_results.json when each part last passed.
slow: $(INSTALLED_DEV)
	$(BIN)/python -m tests.slow $(PART)

peers: $(INSTALLED_DEV)
	$(INSTALL) ".[dev,peers]"
	CC= XLA_FLAGS= KERAS_BACKEND=jax $(BIN)/pytest -m peer

# Tests of compiled C for older x86 processors, and for an emulated 64-bit ARM processor.
PROCESSOR_TESTS := $(addprefix tests/run/kernels/test_, convolution_and_pooling.py grouped_convolution.py matmul.py \
  rectifier_fusion.py recurrent.py reductions.py update_fusion.py) $(addprefix tests/run/native/test_, convolution.py every_op.py \
  extremes.py loops.py loop_fission.py random_networks.py vector_math.py)

processors: $(INSTALLED_DEV)
	for march in x86-64 x86-64-v3; do \
	  PELLUCID_MARCH=$$march CC= XLA_FLAGS= $(BIN)/python -m pytest $(PROCESSOR_TESTS) || exit 1; \
	done
	CC= XLA_FLAGS= $(BIN)/python -m pytest -n0 -rs -p tests.arm64 $(PROCESSOR_TESTS)

bench: $(INSTALLED_DEV)
	$(INSTALL) ".[dev,bench]"
	$(BIN)/python benchmarks/bench.py --out bench

lint: style types

style: $(INSTALLED_DEV)
	$(BIN)/ruff format --check
	$(BIN)/ruff check

types: $(INSTALLED_DEV)
	$(BIN)/mypy

format: $(INSTALLED_DEV)
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

stubs: $(INSTALLED_DEV)
	$(BIN)/python -m pellucid.type_stubs
	$(BIN)/python -m pellucid.train.settings.schema

# The modules of the figures of tests are stored too (tests/live/stored_modules.py).
runtime: $(INSTALLED_DEV) web/node_modules/.installed
	npm --prefix web run build
	$(BIN)/python -m pellucid.live.prebuild
	PELLUCID_STORE_MODULES=1 $(BIN)/pytest -n0 tests/live

# Types and unit tests of the runtimes, and whether the built files in the package are those of the sources.
check-runtime: web/node_modules/.installed
	npm --prefix web run check
	npm --prefix web test
	cd web && node build.mjs --out=build
	cmp web/build/runtime.js src/pellucid/live/runtime.js
	cmp web/build/exercises.js src/pellucid/course/exercises.js

web/node_modules/.installed: web/package-lock.json
	npm --prefix web ci --silent
	touch $@

clean:
	rm -rf $(VENV) build dist src/pellucid/course/built.tar.xz web/build web/node_modules .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find src tests -name __pycache__ -type d -prune -exec rm -rf {} +

$(CREATED):
	$(PYTHON) -m venv --clear $(VENV)
	touch $@

$(INSTALLED): $(CREATED) pyproject.toml
	@echo "Installing pellucid into $(VENV): a minute or two the first time"
	$(INSTALL) ".[train]"
	touch $@

$(INSTALLED_COURSE): $(CREATED) pyproject.toml
	@echo "Installing pellucid and the generator of its course into $(VENV): a minute or two the first time"
	$(INSTALL) ".[docs]"
	touch $(INSTALLED) $@

$(INSTALLED_DEV): $(CREATED) pyproject.toml
	@echo "Installing pellucid and its development tools into $(VENV): a minute or two the first time"
	$(INSTALL) ".[dev]"
	touch $(INSTALLED) $@
