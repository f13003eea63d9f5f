# Every target is a plain command too: make -n TARGET prints it.
# STAGE=n narrows to one stage, SEED and SCHEDULES steer sim, O is where output goes,
# S where submissions are.

STAGE     ?=
STEP      ?=
SEED      ?=
SCHEDULES ?= 10000

stage = $(or $(notdir $(wildcard p$(or $(STAGE),1)-*)),$(error there is no stage $(STAGE): want STAGE=1 to 5))
what  = $(if $(STAGE),./$(stage)/...,work)

.DEFAULT_GOAL := help
.PHONY: help demo test check nightly race sim bench handout step prove mutants grade fmt lint size

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo 'STAGE=n narrows them to a stage; SEED=n and SCHEDULES=n steer sim; O=DIR says where output goes'

demo: ## show what a stage can do, and what breaks it (STAGE=1); STAGE=cap parts stages 3 and 4
	go run ./$(if $(filter cap,$(STAGE)),p3-replication/cmd/cap,$(stage)/cmd/demo)

test: ## run all tests, then print how much they have tried
	.ci/test $(what)

check: ## run all that a commit must pass, as CI does
	.ci/run

nightly: ## run what takes longer: the race detector everywhere, more schedules, a long soak, fuzzing
	.ci/run nightly

race: ## run all tests under the race detector
	go test -race $(what)

sim: ## run a stage's machines under faults; a failure prints the command that replays it
	go run ./$(stage)/cmd/sim -schedules $(SCHEDULES) $(if $(SEED),-seed $(SEED))

bench: ## measure a stage beside its peers; figures, drawing and profiles go to bin/bench (STAGE=1)
	cd common/bench && GOWORK=off go run . -stage $(or $(STAGE),1) -out ../../bin/bench

handout: ## cut a stage's starter into a new folder (STAGE=1 O=bin/handout)
	go tool ds handout p$(or $(STAGE),1) -o $(or $(O),bin/handout)

step: ## show a stage's ladder, or one step of it; O=DIR makes the tree solved up to it (STEP=p1.3)
	go tool ds step $(or $(STEP),p$(or $(STAGE),1)) $(if $(O),-o $(O))

prove: ## prove a stage's ladder: each rung passes its own tests and no others (STAGE=1)
	go tool ds prove p$(or $(STAGE),1)

mutants: ## show which tests catch each wrong variant of a stage (STAGE=1)
	go tool ds mutants p$(or $(STAGE),1)

grade: ## grade submissions from outside (STAGE=1 S=DIR O=DIR)
	go tool ds grade p$(or $(STAGE),1) -submissions $(or $(S),$(error S=DIR names the submissions)) -out $(or $(O),bin/grades)

fmt: ## format all Go files
	.ci/gofumpt -w .

lint: ## check format, go vet, staticcheck, and the house rules
	.ci/run format vet staticcheck house

size: ## print the lines of every package against its budget
	go run ./common/house/cmd/house size
