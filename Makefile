# make demo | setup | test | check | slow | mutate | bench | docs | notebooks
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Errors only: pip warns a line for every place of packages that a machine names and that is not there.
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet --quiet
# Where the CPU build of torch lies; `make setup TORCH_INDEX=` takes the usual one (CUDA on Linux).
TORCH_INDEX ?= https://download.pytorch.org/whl/cpu

.PHONY: demo setup test check slow mutate bench docs notebooks clean

demo: $(VENV)/.installed
	$(BIN)/unalike compare examples/demo.toml --out runs/demo --overwrite

setup: $(VENV)/.installed
	@command -v chromedriver >/dev/null || echo "Tests in a browser are skipped here; on Debian or" \
	  "Ubuntu 'apt-get install chromium chromium-driver' lets them run."

$(VENV)/.installed: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -c "import torch" 2>/dev/null || test -z "$(TORCH_INDEX)" || \
	  $(PIP) install --no-deps --retries 1 --timeout 30 --index-url $(TORCH_INDEX) \
	    -c constraints.txt torch >$(VENV)/torch.log 2>&1 || \
	  echo "No CPU build of torch there ($(VENV)/torch.log says why); taking the usual one."
	$(PIP) install -c constraints.txt -e '.[dev]'
	touch $@

test: setup
	$(BIN)/python -m pytest -n auto --dist loadfile

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/vermin --quiet --no-tips -t=3.10- src
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -n auto --dist loadfile --cov=unalike --cov-report=term --cov-fail-under=90

slow: setup
	$(BIN)/python -m pytest -m slow

mutate: setup
	$(BIN)/python tests/mutate.py all

bench: setup
	$(BIN)/python -m benchmarks

docs: setup
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build

notebooks: setup
	$(BIN)/python tests/notebooks.py

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis
