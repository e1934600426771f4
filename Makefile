# make train   set up, then run the main job on the built-in sample
# make test    set up, then lint, types and tests
# make stack   the team stack without Docker (docs/stack.md)    make stack-test   its tests
# make setup   only the environment    make lock   compile requirements.txt again
SHELL := /bin/bash
.DELETE_ON_ERROR:
.PHONY: train test lint setup lock stack stack-test

PYTHON ?= python3
UV := $(shell command -v uv 2>/dev/null || echo .venv/bin/uv)
export MLFLOW_TRACKING_URI ?= sqlite:///mlflow.db
export PATH := $(CURDIR)/.venv/bin:$(PATH)

EPOCHS ?= 4
BATCH ?= 8

train: setup
	mlflow run . -e train --env-manager local --experiment-name refugee-camp \
	  -P epochs=$(EPOCHS) -P batch_size=$(BATCH) -P training.scheduler=cosine

# two tests at a time share the cores: no idle thread may spin
test: export OMP_WAIT_POLICY := passive
test: setup lint
	python -m pytest -n 2 --dist loadfile

lint: setup
	ruff check .
	ruff format --check .
	mypy

# the same services as docker-compose.yml, from the same file; Postgres and Go have to be there
stack: setup
	@PYTHONPATH=src python -m stack

stack-test: setup
	python -m pytest -m stack tests/stack

setup: .venv/.installed

# uv comes into the environment itself when the machine has none; bytecode is compiled once, for fast starts
.venv/.installed: requirements.txt
	test -x .venv/bin/python || $(PYTHON) -m venv .venv
	test -x "$(UV)" || .venv/bin/python -m pip install --quiet uv
	VIRTUAL_ENV=.venv $(UV) pip install --quiet --compile-bytecode -r requirements.txt
	touch $@

lock: setup
	$(UV) pip compile --quiet --universal --python-version 3.11 --no-header --no-annotate --no-emit-index-url \
	  --upgrade --extra dev pyproject.toml -o requirements.txt
	digest=$$(python -c "import hashlib; print(hashlib.sha256(open('requirements.txt', 'rb').read()).hexdigest())") && \
	  sed -i.old "s/^# requirements.txt sha256: .*/# requirements.txt sha256: $$digest/" conda.yaml && rm conda.yaml.old
