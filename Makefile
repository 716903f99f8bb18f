# Pagoda's commands. `make help` lists them; the work itself is in scripts/.
# Settings, on the command line or in the environment:
#   MODEL         what `make demo` serves: a Hugging Face id or a local folder (default: the bundled model)
#   GPU           what `make plan` plans for, such as l4, or detected (default: every one it knows)
#   URL           the server that `make bench` measures (http://127.0.0.1:8000/v1)
#   PRICE, CURRENCY  what an hour of its machine costs (default: of known GPUs, from backend/data/prices.yaml)
#   PORT          where the page is (8080)
#   BACKEND_PORT  where vLLM listens (8000)
#   PYTHON        which Python to use (the first of 3.11 to 3.13 that is found)
MODEL ?=
PORT ?= 8080
BACKEND_PORT ?= 8000
PYTHON ?= $(shell for p in python3 python3.11 python3.12 python3.13; do \
	$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null && echo $$p && exit; \
	done; echo python3)
URL ?= http://127.0.0.1:$(BACKEND_PORT)/v1
export MODEL PORT BACKEND_PORT

APP = .venv/bin/python
BACKEND = .venv-backend/bin/python

.DEFAULT_GOAL := help
.PHONY: help demo test test-unit test-model test-server test-launch test-containers app backend plan bench install lint types format lock \
	evaluate-demo-model evaluate-json measure-page screenshots reliability audit clean

help:  ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-20s %s\n", $$1, $$2}' Makefile

demo:  ## install what is missing, start vLLM and the page on http://localhost:8080 (MODEL, PORT, BACKEND_PORT)
	@$(PYTHON) -m scripts.demo

test:  ## everything: unit, bundled model, real vLLM, real browser, `make demo` itself, containers
	@$(PYTHON) -m scripts.testing

test-unit:  ## the unit tests alone: seconds
	@$(PYTHON) -m scripts.testing unit

test-model:  ## the tests of the bundled model, beside vLLM's environment
	@$(PYTHON) -m scripts.testing model

test-server:  ## the tests against a real vLLM and in a real browser
	@$(PYTHON) -m scripts.testing server

test-launch:  ## the tests of `make demo`
	@$(PYTHON) -m scripts.testing launch

test-containers:  ## the tests of the container files, and of the stack where Docker is
	@$(PYTHON) -m scripts.testing containers

install:  ## create both environments, with what tests and checks need
	@$(PYTHON) -m scripts.install app-dev backend-dev

app:  ## the page alone, for a vLLM that runs elsewhere (PAGODA_BACKEND_URL)
	@$(PYTHON) -m scripts.page_config
	@$(PYTHON) -m scripts.install app
	@$(APP) -m chainlit run app.py --headless --host 127.0.0.1 --port $(PORT)

backend:  ## vLLM alone, on this machine's CPU (MODEL)
	@$(PYTHON) -m scripts.install backend
	@$(BACKEND) -m backend.serve --port $(BACKEND_PORT) $(if $(MODEL),--model $(MODEL))

plan:  ## which GPU, which flags, at what cost: estimates with their arithmetic (GPU, MODEL)
	@$(PYTHON) -m scripts.install app
	@$(APP) -m backend.plan $(if $(GPU),--gpu "$(GPU)") $(if $(MODEL),--model "$(MODEL)")

bench:  ## measure a server that runs (URL) with the article's questions, and write what it costs (PRICE, CURRENCY)
	@[ -n "$(PRICE)" ] || command -v nvidia-smi >/dev/null || { echo "make bench: say what an hour of the machine costs, as" \
		"PRICE=1.8 CURRENCY=CNY: no GPU is seen here whose price could be looked up." >&2; exit 2; }
	@$(PYTHON) -m scripts.install backend
	@mkdir -p bench
	@[ ! -e bench/result.json ] || mv --backup=numbered bench/result.json bench/earlier.json
	@$(BACKEND) -m backend.benchmark run --url $(URL) --scenario article --concurrency 1,2,4,8,16,32 \
		--goodput ttft:1000 tpot:100 --out bench/result.json
	@$(BACKEND) -m backend.benchmark report bench/result.json --out bench/report.html --markdown bench/report.md --force \
		$(if $(PRICE),--price $(PRICE)) $(if $(CURRENCY),--currency $(CURRENCY))

lint:  ## ruff: rules and format
	@$(PYTHON) -m scripts.install app-dev
	@$(APP) -m ruff check . && $(APP) -m ruff format --check .

types:  ## mypy, strict
	@$(PYTHON) -m scripts.install app-dev
	@$(APP) -m mypy

format:  ## rewrite the code the way ruff formats it
	@$(PYTHON) -m scripts.install app-dev
	@$(APP) -m ruff check --fix . && $(APP) -m ruff format .

lock:  ## resolve the requirements files anew into the lock files (network)
	@$(PYTHON) -m scripts.lock

evaluate-demo-model:  ## measure the bundled model: scores per skill and language, tokens/s (some minutes)
	@$(PYTHON) -m scripts.install backend-dev
	@$(BACKEND) -m backend.demo_model.evaluate

evaluate-json:  ## measure JSON output: 200 prompts under each ready schema, and what enforcement costs
	@$(PYTHON) -m scripts.install app-dev backend
	@$(APP) -m tests.json_showcase

measure-page:  ## measure the page: what it adds to the first token, 200 streams at once, loading, a long answer
	@$(PYTHON) -m scripts.install app-dev backend
	@$(APP) -m tests.load.first_token
	@$(APP) -m tests.load.streams --users 200
	@$(APP) -m tests.browser.load_time
	@$(APP) -m tests.browser.markdown_bench

reliability:  ## docs/reliability.md anew, from the tests of faults and the reports that `make test` left
	@$(PYTHON) -m scripts.reliability

audit:  ## ask a service which of the locked packages have known holes (network)
	@$(PYTHON) -m scripts.audit

screenshots:  ## pictures of the page for the README
	@$(PYTHON) -m scripts.install app-dev backend
	@$(APP) -m tests.browser.screenshots
	@$(APP) -m tests.browser.screenshots_chat

clean:  ## delete environments, logs and caches
	rm -rf .venv .venv-backend logs .files .pytest_cache .mypy_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
