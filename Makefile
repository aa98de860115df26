PYTHON ?= python3
VENV ?= .venv
PORT ?= 8000

python := "$(abspath $(VENV))/bin/python"
manage := cd example_project && exec $(python) manage.py
installed := $(VENV)/.installed

.PHONY: venv lint test test-all bench torture run clean

venv: $(installed)

$(installed): requirements.txt pyproject.toml
	$(PYTHON) -m venv "$(VENV)"
	$(python) -m pip install --disable-pip-version-check --quiet -r requirements.txt
	$(python) -m pip install --disable-pip-version-check --quiet --no-deps --no-build-isolation --editable .
	@touch "$@"

lint: venv
	$(python) -m ruff check
	$(python) -m ruff format --check
	$(python) -m mypy
	"$(VENV)/bin/lint-imports" --no-logo

# The tests; ARGS="-k views -x" is handed on to pytest.
test: lint
	$(python) -m pytest $(ARGS)

# The tests on every Python there is, pyenv's included.
test-all: venv
	PATH="$$(printf '%s:' "$$HOME"/.pyenv/versions/3.*/bin)$$PATH" $(python) -m tox

bench: venv
	$(python) -m benchmarks

torture: venv
	TORTURE=1 $(python) -m pytest -m torture $(ARGS)

# The example, its data kept from one run to the next. Ctrl-C stops it.
run: venv
	$(manage) migrate --verbosity 0
	$(manage) create_cb_views
	$(manage) create_sg_users
	$(manage) load_airports
	$(manage) runserver 127.0.0.1:$(PORT)

# Everything that was made from the checkout; the example's data stays.
clean:
	rm -rf .venv* .tox build dist *.egg-info .hypothesis .import_linter_cache .mypy_cache \
		.pytest_cache .ruff_cache tests/pouchdb/node_modules
	find . -name __pycache__ -prune -exec rm -rf {} +
