# Every target is a plain command too: make -n TARGET prints it.
# STAGE=n narrows to one stage, SEED and SCHEDULES steer sim.

STAGE     ?=
SEED      ?=
SCHEDULES ?= 10000

stage = $(or $(notdir $(wildcard p$(or $(STAGE),1)-*)),$(error there is no stage $(STAGE): want STAGE=1 to 5))
what  = $(if $(STAGE),./$(stage)/...,work)

.DEFAULT_GOAL := help
.PHONY: help demo test check nightly race sim fmt lint size

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo 'STAGE=n narrows demo, sim, test and race; SEED=n and SCHEDULES=n steer sim'

demo: ## show what a stage can do, and what breaks it (STAGE=1)
	go run ./$(stage)/cmd/demo

test: ## run all tests, then print how much they have tried
	.ci/test $(what)

check: ## run all that a commit must pass, as CI does
	.ci/run

nightly: ## run what takes longer: the race detector everywhere, more schedules, fuzzing
	.ci/run nightly

race: ## run all tests under the race detector
	go test -race $(what)

sim: ## run a stage's machines under faults; a failure prints the command that replays it
	go run ./$(stage)/cmd/sim -schedules $(SCHEDULES) $(if $(SEED),-seed $(SEED))

fmt: ## format all Go files
	.ci/gofumpt -w .

lint: ## check format, go vet, staticcheck, and the house rules
	.ci/run format vet staticcheck house

size: ## print the lines of every package against its budget
	go run ./common/house/cmd/house size
