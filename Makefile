PYTHON ?= python3
VENV ?= .venv
PORT ?= 8000

python := "$(abspath $(VENV))/bin/python"
manage := cd example_project && exec $(python) manage.py
installed := $(VENV)/.installed

# Tests start many processes: each would compile the library anew, and pytest its own plugins.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: venv lint test test-all test-live test-sqlpp replay-sqlpp record-sqlpp bench bench-live torture docs docs-links run clean

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
	$(python) -m pytest -n auto --dist worksteal $(ARGS)

# The tests on every Python there is, pyenv's included.
test-all: venv
	PATH="$$(printf '%s:' "$$HOME"/.pyenv/versions/3.*/bin)$$PATH" $(python) -m tox

bench: venv
	$(python) -m benchmarks

# The contract part of the tests, and the client part of the benchmark, at a real gateway:
# make test-live SYNC_GATEWAY_URL=... SYNC_GATEWAY_ADMIN_URL=... SYNC_GATEWAY_BUCKET=...
# Its documents are deleted; the bucket's name must have "test" in it.
live := SYNC_GATEWAY_URL SYNC_GATEWAY_ADMIN_URL SYNC_GATEWAY_BUCKET SYNC_GATEWAY_USER \
	SYNC_GATEWAY_PASSWORD SYNC_GATEWAY_ADMIN_USER SYNC_GATEWAY_ADMIN_PASSWORD \
	COUCHBASE_HOSTS COUCHBASE_BUCKET COUCHBASE_USER COUCHBASE_PASSWORD
export $(live)
test-live bench-live: export DJANGO_SETTINGS_MODULE = tests.live

test-live: venv
	$(python) -m pytest tests/contract $(ARGS)

bench-live: venv
	$(python) -m benchmarks.client

# The ORM's tests, and those of views, asked of a query service: make test-sqlpp QUERY_URL=http://...:8093
# Documents are put into its bucket QUERY_BUCKET (test_documents), which must be there.
test-sqlpp replay-sqlpp record-sqlpp: export QUERY_URL ?=
test-sqlpp replay-sqlpp record-sqlpp: export QUERY_BUCKET ?= test_documents
by_sqlpp := -m pytest -p tests.sqlpp.live -p no:randomly -n 0
by_sqlpp_all := tests/orm tests/sqlpp/reference
views_by_sqlpp := -m pytest -p no:randomly -n 0 tests/sqlpp/views/test_random_views.py

test-sqlpp: venv
	$(python) $(by_sqlpp) $(or $(ARGS),$(by_sqlpp_all))
	$(python) $(views_by_sqlpp)

# The statements that have been recorded, and their rows.
replay-sqlpp: venv
	$(python) -m tests.sqlpp.replay

# Records them anew, on the Django that tests/sqlpp/recorder.py names; two runs, to keep what is the
# same in both. make record-sqlpp ARGS="tests/orm/test_dates.py" records those alone.
record-sqlpp: export RECORD_SQLPP = 1
record-sqlpp: venv
	rm -f tests/sqlpp/recorded-*.jsonl
	-$(python) $(by_sqlpp) $(or $(ARGS),$(by_sqlpp_all))
	-$(python) $(by_sqlpp) $(or $(ARGS),$(by_sqlpp_all))
	$(python) -m tests.sqlpp.merging $(if $(ARGS),--add)
	$(python) $(views_by_sqlpp)

torture: venv
	TORTURE=1 $(python) -m pytest -m "torture or hypothesis" $(ARGS)

# The documentation, into build/docs. A warning, or a reference to what is not there, is an error.
docs: venv
	$(python) -m sphinx -W -n --keep-going -q -d build/doctrees docs build/docs
	@echo "Open build/docs/index.html"

# Whether the pages elsewhere that the documentation links to are still there.
docs-links: venv
	$(python) -m sphinx -b linkcheck -q -d build/doctrees docs build/docs-links

# The example, its data kept from one run to the next, and what tells its dashboard of changes.
# Ctrl-C stops both.
run: venv
	$(manage) migrate --verbosity 0
	$(manage) create_cb_views
	$(manage) create_cb_indexes
	$(manage) create_sg_users
	$(manage) load_airports
	$(manage) create_sg_database
	($(manage) follow_sg_changes --since now --verbosity 0) & trap "kill $$!" EXIT; \
		($(manage) runserver 127.0.0.1:$(PORT))

# Everything that was made from the checkout; the example's data stays.
clean:
	rm -rf .venv* .tox build dist *.egg-info .hypothesis .import_linter_cache .mypy_cache \
		.pytest_cache .ruff_cache tests/gateway/pouchdb/node_modules \
		tests/forms/axe/node_modules
	find . -name __pycache__ -prune -exec rm -rf {} +
