# Every target sets up what it needs by itself.
PYTHON ?= python3
DEMO ?= demo
MINUTES ?= 6
PARENT ?= demo
TEXT ?= mtkit:web.en-de/dev
RECIPE ?= demo
TEN ?= $(CURDIR)/data/ui.en-de/test.en.gz $(CURDIR)/data/ui.en-de/test.de.gz
NAME ?= en-de
TORCH_INDEX ?= https://download.pytorch.org/whl/cpu
BIN := $(CURDIR)/.venv/bin

.DEFAULT_GOAL := help
.PHONY: help setup demo demo-adapt ship test system slow fuzz faults sanitize bench-train bench-translate bench-gpu studies reference check clean

help:  ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: .venv/ready  ## a virtual environment in .venv with mtkit and all it needs

# torch first, pinned, and from where torch publishes builds without CUDA: left to itself, pip takes one of five gigabytes on
# Linux. Where that index cannot be reached, whatever pip finds.
.venv/ready: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --retries 0 --index-url $(TORCH_INDEX) torch==2.13.0 || \
		$(BIN)/pip install --quiet torch==2.13.0
	$(BIN)/pip install --quiet --editable '.[dev]'
	@touch $@

# RECIPE=demo-everyday for more of the bundled text.
demo: setup  ## train on the bundled text for 6 minutes, translate ten strings, score the test set
	@mkdir -p $(DEMO)
	cd $(DEMO) && $(BIN)/mtkit preprocess --config $(RECIPE)
	cd $(DEMO) && $(BIN)/mtkit train --config $(RECIPE) --set train.max_minutes=$(MINUTES)
	@cd $(DEMO) && PATH="$(BIN):$$PATH" sh $(CURDIR)/data/ten.sh $(TEN) runs/$(RECIPE)
	cd $(DEMO) && $(BIN)/mtkit eval --config $(RECIPE)

# PARENT=en-de for the bundle that ships, TEXT=PREFIX for text of yours. A small part of a text that the demo has not read.
demo-adapt: setup  ## make the demo's model (or PARENT) fit for the messages of a browser (or TEXT), and say what that changed
	@mkdir -p $(DEMO)
	cd $(DEMO) && $(BIN)/mtkit adapt $(PARENT) $(TEXT) -o adapted --minutes 1 --fresh

# NAME=en-de or en-ko. The run lies in ships/, where what was interrupted goes on.
ship: setup  ## train the bundle NAME that comes with mtkit, in 8 minutes on a GPU, export and score it
	@mkdir -p ships
	cd ships && PATH="$(BIN):$$PATH" sh $(CURDIR)/data/ship.sh $(NAME)

# One thread each: two test processes with two threads each would wait for one another on two cores. Who is done first
# takes over tests of the other, whole files or not: what is trained once is shared through a lock (tests/system/conftest.py).
test: setup  ## the tests, in a few minutes
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 2 --dist worksteal -m 'not slow and not faults and not browser and not system'

# The browser is Debian's chromium (apt-get install chromium), or what CHROMIUM names; PostgreSQL is Debian's, too. Where an
# optional package cannot be had, its tests are skipped, and say so. Argos Translate without its dependencies: they are another
# torch, for what finds sentences, and a package of ours does without.
.venv/extras: .venv/ready
	-$(BIN)/pip install --quiet --editable '.[ctranslate2,postgresql,ray,tensorboard]'
	-$(BIN)/pip install --quiet axe-playwright-python deep-translator deepl libretranslatepy schemathesis
	-$(BIN)/pip install --quiet --no-deps argostranslate
	-npm install --silent --no-audit --no-fund --prefix .venv/npm translate
	@touch $@

system: .venv/extras  ## tests of what needs more than Python and its usual packages: pages in a browser, networks, extras
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 2 --dist loadfile -m 'browser or system' -rs

# Speed is measured last and alone, on an idle machine. -rP shows what was measured.
slow: setup  ## tests that train for minutes: every choice learns, and the fast path is faster
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 2 -m slow -rfEP --deselect tests/slow/test_speed.py
	$(BIN)/pytest -m slow tests/slow/test_speed.py

# SEED=N for other tries, TRIES=N for so many; each that fails says how it is made again.
fuzz: setup  ## thousands of files, configs and command lines that are damaged or made to deceive, in 10 minutes
	$(BIN)/python -m tests.fuzz --processes 2 $(if $(SEED),--seed $(SEED)) $(if $(TRIES),--tries $(TRIES))

faults: setup  ## every command that writes: killed at each dealing with files, on a full disk, two at once
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 2 --dist worksteal -m faults

# What C reads or writes beyond its tensors, and what C leaves undefined, ends the tests. Python itself is not checked: what
# it never frees is no leak of ours.
sanitize: setup  ## the tests of ops with the native code under the address and undefined behaviour sanitizers
	LD_PRELOAD="$$(gcc -print-file-name=libasan.so) $$(gcc -print-file-name=libubsan.so)" \
	ASAN_OPTIONS=detect_leaks=0 UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 OMP_NUM_THREADS=1 \
	MTKIT_NATIVE_FLAGS='-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer -g' \
	$(BIN)/pytest -p no:cacheprovider -k 'not without_a_warning and not test_compiler' tests/ops

# DATA=DIR with train.en.gz, train.de.gz, val.en.gz, val.de.gz; PEERS=DIR with virtual environments joeynmt and opennmt.
bench-train: setup  ## training speed of four workloads in fp32 and bf16, on DATA=DIR, beside PEERS=DIR
	$(BIN)/python -m benchmarks.train --work bench $(if $(DATA),--data $(DATA)) $(if $(PEERS),--peers $(PEERS))

# DATA=DIR as above, with test_2016_flickr.en.gz and .de.gz, too; CT2=PYTHON that has ctranslate2 and sentencepiece: then
# Transformers are trained (BESIDE="--minutes N") and set beside it, too: see benchmarks/beside.py.
bench-translate: setup  ## translating speed in fp32, bf16, int8, on DATA=DIR or with MODEL=DIR, and beside CTranslate2 (CT2=PYTHON)
	$(BIN)/python -m benchmarks.translate --work bench $(if $(DATA),--data $(DATA)) $(if $(MODEL),--model $(MODEL))
	$(if $(CT2),$(BIN)/python -m benchmarks.beside --work bench --ct2 $(CT2) $(if $(DATA),--data $(DATA)) \
		--recurrent $(or $(MODEL),bench/runs/translate) $(BESIDE))

# DATA=DIR as above; MODEL=DIR is what translates, else what is trained for two minutes. PARTS="train peers determinism quality
# translate" are all of it; what was measured before on this machine stays in bench/gpu.json. Without DATA it tries itself,
# small and on a CPU.
bench-gpu: setup  ## a GPU at work in under 6 minutes: training, translating, repeating, on DATA=DIR, beside PEERS=DIR
	$(BIN)/python -m benchmarks.gpu --work bench $(if $(DATA),--data $(DATA),--toy --device cpu) \
		$(if $(PEERS),--peers $(PEERS)) $(if $(MODEL),--model $(MODEL)) $(PARTS)

# Runs lie in studies/, where what was interrupted goes on; what is to be kept is written to data/results/studies.
studies: setup  ## every claim of the notes tried, in two and a half hours on 2 cores: figures, pages and verdicts
	$(BIN)/mtkit study --all --out data/results/studies --work studies --jobs 2

reference: setup  ## docs/reference.md anew: every command, key and choice
	$(BIN)/python -m mtkit.cli.reference docs/reference.md

check: setup  ## style, types, and who may import whom
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

clean:  ## remove what the other targets made
	rm -rf .venv demo ships bench build dist .hypothesis .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
