# Everything a person types. `make run` and `make test` install what is missing first; both are quick the second time.
PYTHON ?= /usr/bin/python3
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=
# The lists are complete and hashed, so nothing is resolved. Compiled afterwards, on all cores; samples in packages that do
# not compile are no failure.
PIP := $(BIN)/pip install -q --disable-pip-version-check --require-hashes --no-deps --no-compile
COMPILE := $(BIN)/python -m compileall -qq -j 0 $(VENV)/lib || true
unexport PYTHONDONTWRITEBYTECODE # every process would compile the whole program anew
.DEFAULT_GOAL := help
.PHONY: help run run-centre walk test test-long test-kill check bench bench-money bench-imaging bench-reading bench-pages screens bench-fleet lock setup clean install uninstall

help: ## this list
	@awk -F':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

$(VENV)/.run: requirements.txt deploy/packages.txt
	@deploy/install-packages run
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing Python packages (about a minute the first time) ..."
	@$(PIP) -r requirements.txt
	@$(COMPILE)
	@touch $@

$(VENV)/.test: requirements-dev.txt deploy/packages.txt
	@deploy/install-packages run
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing Python packages for the tests (about a minute the first time) ..."
	@deploy/install-packages test & packages=$$!; \
	$(PIP) -r requirements-dev.txt || { wait $$packages; exit 1; }; wait $$packages
	@$(COMPILE)
	@touch $@ $(VENV)/.run

$(VENV)/.centre: $(VENV)/.run deploy/packages.txt
	@deploy/install-packages centre
	@touch $@

PO := $(wildcard kiosk/translations/*/LC_MESSAGES/messages.po)
MO := $(PO:.po=.mo)
%.mo: %.po | $(VENV)/.run
	@$(BIN)/pybabel -q compile -i $< -o $@

setup: $(VENV)/.run $(MO) ## make what is missing in KIOSK_HOME (default var/)
	@$(BIN)/python -m kiosk.setup_state

run: setup ## start the kiosk with its simulated world and print the address; Ctrl-C stops all
	@$(BIN)/python -m kiosk.supervise

run-centre: $(VENV)/.centre $(MO) ## start a centre on PostgreSQL and three kiosks, paired; Ctrl-C stops all
	@$(BIN)/python -m kiosk.supervise_fleet $(ARGS)

walk: $(VENV)/.run $(MO) ## a scripted customer in a temporary home: make walk ARGS="--service new --kind personal"
	@$(BIN)/python -m kiosk.walk_alone $(ARGS)

test: $(VENV)/.test $(MO) ## the tests
	@$(BIN)/python -m pytest -n 3 --dist loadgroup -m "not long" $(ARGS)

test-long: $(VENV)/.test $(MO) ## what takes many minutes: 200 orders under chaos, every screen in every size and mode
	@$(BIN)/python -m pytest -n 2 --dist loadgroup -m long $(ARGS)

test-kill: $(VENV)/.test $(MO) ## money and the main case under kill -9 at every named point, and a table of where they died (long)
	@$(BIN)/python -m pytest -n 2 --dist loadgroup -m kill --again tests/kill $(ARGS)

check: $(VENV)/.test ## ruff, mypy, import-linter
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

bench: $(VENV)/.test $(MO) ## speed, as ratios to a floor measured in the same run
	@$(BIN)/python -m bench.pages $(ARGS)

bench-money: $(VENV)/.test $(MO) ## orders a second, and from the gateway's word to the page
	@$(BIN)/python -m bench.bench_money $(ARGS)

bench-pages: $(VENV)/.test $(MO) ## what a finger and an eye wait for: Chromium against a running kiosk
	@$(BIN)/python -m bench.bench_screen $(ARGS)

screens: $(VENV)/.test $(MO) ## pictures of every page into docs/screens
	@$(BIN)/python -m tests.browser.screens $(or $(ARGS),docs/screens)

bench-imaging: $(VENV)/.test ## the seal verdict on the held-back pages
	@$(BIN)/python -m bench.imaging $(ARGS)

bench-fleet: $(VENV)/.test $(MO) ## a thousand kiosks' reports, and the centre's pages at a million orders
	@$(BIN)/python -m bench.bench_fleet $(ARGS)

bench-reading: $(VENV)/.test ## what is read from licences, ID copies and the rings of seals (ARGS="--count 20 --seals 20")
	@$(BIN)/python -m bench.imaging.reading $(ARGS)

lock: ## pin the dependencies of pyproject.toml with hashes (needs uv)
	uv pip compile -q --generate-hashes --universal --python-version 3.11 --no-emit-index-url --custom-compile-command "make lock" pyproject.toml -o requirements.txt
	uv pip compile -q --generate-hashes --universal --python-version 3.11 --no-emit-index-url --custom-compile-command "make lock" -c requirements.txt --extra dev pyproject.toml -o requirements-dev.txt

install: ## install on a kiosk PC with Debian 12, as root (docs/INSTALL.md); DESTDIR=folder only places the files
	@DESTDIR="$(DESTDIR)" deploy/install

uninstall: ## take the program off a kiosk PC; data, settings and keys stay
	@DESTDIR="$(DESTDIR)" deploy/uninstall

clean: ## forget the demo kiosk's data (var/)
	rm -rf var
