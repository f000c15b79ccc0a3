# Two commands: `make demo` and `make test`. Python 3.11+ and its package index are all they need.
PYTHON ?= $(shell for each in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$each -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 15))' 2>/dev/null && echo $$each && exit; \
	done; echo python3)
ARGS ?=
BIN := .venv/bin

.PHONY: demo test lint bench torture browser requirements runtime dev

demo: runtime ## Boston and Philadelphia at work on this machine: make demo ARGS="--speed 60"
	@$(BIN)/easypark demo $(ARGS)

test: dev lint browser ## everything that must hold
	$(BIN)/python -m pytest -n 2 --dist loadfile $(ARGS)

bench: dev ## the hot paths side by side with what they stand on
	$(BIN)/python -m tests.benchmarks $(ARGS)

torture: dev ## what must never happen, tried for hours: make torture ARGS="--only ordeal --rounds 200"
	$(BIN)/python -m tests.torture $(ARGS)

lint: dev ## style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

browser:
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null || { \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		echo "Installing Chromium for the browser tests"; \
		{ apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium; } >.venv/chromium.log 2>&1; \
	fi; command -v chromium >/dev/null; } \
	|| echo "!!! No Chromium: the browser tests will be SKIPPED. Install the package chromium to run them."

runtime dev:
	@command -v $(PYTHON) >/dev/null || { echo "easypark: there is no $(PYTHON): install Python 3.11 or newer" >&2; exit 2; }
	@$(PYTHON) provisioning/bootstrap.py $@

requirements: ## after a change of uv.lock
	uv export --frozen --no-emit-project --no-header --no-annotate -q --no-dev > provisioning/requirements/runtime.txt
	uv export --frozen --no-emit-project --no-header --no-annotate -q > provisioning/requirements/dev.txt
