// Judge examines the programs of a submission for stage 4, from outside. Of single-decree
// Paxos it asks what package judged says; of the log it demands here that it is one.
//
//	scene.go   one replica of the submission's, and the judge in the place of the others
//	scenes.go  what it must say then
//	log.go     the submission's replicas in the worlds of cmd/sim
//	kvd.go     the submission's servers under kill -9
package main

import (
	"slices"

	"dss.example/common/judge"

	"dss.example/p4-consensus/judged"
)

func main() { judge.Main("p4", checks()) }

// checks are all that stage 4's judge checks, in the order of the steps.
func checks() []judge.Check {
	return slices.Concat(judged.Checks(), sceneChecks(), logChecks(), kvdChecks())
}

// Steps of the log, but for p4.5, which package judged asks of parts.
const (
	stepVote    = "p4.4"
	stepLearn   = "p4.6"
	stepLead    = "p4.7"
	stepRecover = "p4.8"
	stepWhole   = "p4.9" // with a change of leaders everything is there
)
