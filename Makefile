# make train   set up, then run the main job on the built-in sample
# make test    set up, then lint, types and tests
# make stack   the team stack without Docker (docs/stack.md)    make stack-test   its tests
# make test-documents   what the source documents state, by their own commands
# make test-consumers   the exports in the runtimes of their users; Node with npm and Debian's torch have to be there
# make bench   measure what docs/performance.md claims; most of an hour
# make setup   only the environment    make lock   compile requirements.txt again
SHELL := /bin/bash
.DELETE_ON_ERROR:
.PHONY: train test test-documents test-consumers bench lint setup lock stack stack-test

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
	python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

test-documents: export OMP_WAIT_POLICY := passive
test-documents: setup
	python -m pytest -n 2 --dist loadfile --no-loadscope-reorder -m documents tests/documents

test-consumers: export OMP_WAIT_POLICY := passive
test-consumers: setup .consumers/.installed
	python -m pytest -m consumers tests/consumers

# each in an environment of its own; Node's package would fetch CUDA files if its scripts ran
.consumers/.installed: tests/consumers/package.json tests/consumers/onnxruntime-1.17.txt tests/consumers/geodeep.txt
	mkdir -p .consumers/node && cp tests/consumers/package.json .consumers/node
	npm install --prefix .consumers/node --ignore-scripts --no-package-lock --no-audit --no-fund --loglevel=error
	for name in onnxruntime-1.17 geodeep; do \
	  $(UV) venv --quiet --clear --python .venv/bin/python .consumers/$$name && \
	  $(UV) pip install --quiet --python .consumers/$$name -r tests/consumers/$$name.txt || exit 1; \
	done
	touch $@

bench: setup
	python benchmarks/table.py

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
