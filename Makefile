# Every target needs only Python 3.11 and make. The environment is rebuilt when the lock or pyproject.toml changes.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
.PHONY: run test env ui bench lock
.DEFAULT_GOAL := run

run: .venv/.ready ; @.venv/bin/symmetry simulate --if-empty && .venv/bin/symmetry run
test: .venv/.ready
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/sqlfluff lint --processes 2 dbt_project/models
	.venv/bin/pytest -n 2 --dist loadfile
env: .venv/.ready
ui: .venv/.ready ; @.venv/bin/symmetry ui
bench: .venv/.ready ; .venv/bin/python -m benchmarks.speed && .venv/bin/python -m benchmarks.fuzz && .venv/bin/python -m benchmarks.accuracy && .venv/bin/python -m benchmarks.suppression && .venv/bin/python -m benchmarks.readers
lock: .venv/.ready ; .venv/bin/uv pip compile pyproject.toml --extra dev --generate-hashes --no-emit-index-url --no-annotate --no-header --no-strip-extras --python-version 3.11 -o requirements.lock

.venv/.ready: requirements.lock pyproject.toml
	@echo "Making the environment in .venv (about a minute, once)"
	@$(PYTHON) -c 'import sys; sys.exit(None if sys.version_info[:2] == (3, 11) else "Python 3.11 is needed and %s is %s; install it, or say PYTHON=path/to/python3.11" % (sys.executable, sys.version.split()[0]))'
	@$(PYTHON) -m venv --clear .venv
	@.venv/bin/python -m pip install -qq --disable-pip-version-check --require-hashes -r requirements.lock
	@.venv/bin/python -m pip install -qq --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@
