# fleetglass: every habit has a target. `make help` lists them.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help setup run demo test lint format bench try-install build screenshots fuzz clean lock

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
STATIC := web/fleetglass_web/static/index.html
UI_SOURCES := $(shell find web/ui -type f -not -path '*/node_modules/*' 2>/dev/null)
HOSTS ?= 40
FUZZ_S ?= 600
ARGS ?=

help: ## print the targets, a sentence each
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

setup: $(READY) $(STATIC) ## prepare everything: .venv with both commands, the dashboard built

$(READY): requirements.txt pyproject.toml deploy/dev/setup-python.sh proto/pyproject.toml agent/pyproject.toml web/pyproject.toml hub/pyproject.toml
	@bash deploy/dev/setup-python.sh $(VENV)
	@touch $@

$(STATIC): $(READY) $(UI_SOURCES)
	@bash deploy/dev/build-dashboard.sh $(VENV)
	@touch $@

run: setup ## start hub, a local agent and the dashboard for this machine
	@bash deploy/dev/debian-packages.sh --wanted sysstat:iostat
	@exec $(BIN)/fleetglass-hub run --local-agent --data var/hub $(ARGS)

demo: setup ## the real hub and HOSTS=40 clearly named demo hosts
	@exec env PYTHONPATH=tests $(BIN)/python -m demo --hosts $(HOSTS) $(ARGS)

test: setup lint ## set up, lint, and pass every test
	@bash deploy/dev/debian-packages.sh --needed sysstat:iostat chromium:chromium curl:curl
	@bash deploy/dev/debian-packages.sh --wanted nginx-light:nginx caddy:caddy haproxy:haproxy
	@bash deploy/dev/with-node.sh $(VENV) npm --prefix web/ui run test
	@$(BIN)/python -m pytest -n 2 --dist loadgroup $(ARGS)

lint: setup ## ruff, strict types, the arrows between packages, biome, svelte-check
	@$(BIN)/ruff check . && $(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/python -m pytest -q tests/architecture
	@bash deploy/dev/with-node.sh $(VENV) npm --prefix web/ui run lint

format: setup ## let ruff and biome put the code in order
	@$(BIN)/ruff check --fix-only . && $(BIN)/ruff format .
	@bash deploy/dev/with-node.sh $(VENV) npm --prefix web/ui run format

bench: setup ## print each figure of the design beside its reference, measured in the same run
	@PYTHONPATH=tests $(BIN)/python -m bench $(ARGS)

fuzz: setup ## rubbish on both of the hub's ports, a random seed, FUZZ_S=600 seconds
	@FLEETGLASS_FUZZ_S=$(FUZZ_S) FLEETGLASS_FUZZ_SEED=$${FLEETGLASS_FUZZ_SEED:-$$RANDOM} $(BIN)/python -m pytest -q \
		-o timeout=0 tests/faults/test_rubbish.py $(ARGS)

screenshots: setup ## photograph the running product for README and docs
	@bash deploy/dev/debian-packages.sh --needed chromium:chromium
	@PYTHONPATH=tests $(BIN)/python -m screenshots $(ARGS)

try-install: setup ## run deploy/install.sh twice, for real, on a copy of this machine that is thrown away (root)
	@bash deploy/dev/try-install.sh $(VENV)

build: setup ## wheels in dist/, each installed alone once
	@bash deploy/dev/build-wheels.sh $(VENV)

lock: $(READY) ## resolve the newest versions and export them, with hashes and without addresses
	@bash deploy/dev/lock.sh $(VENV)

clean: ## remove what setup and runs made
	rm -rf $(VENV) web/ui/node_modules web/fleetglass_web/static dist var
