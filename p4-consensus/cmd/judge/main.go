// Judge examines the programs of a submission for stage 4, from outside. Of single-decree
// Paxos it asks what package judged says; of the log it demands here that it is one.
package main

import (
	"slices"

	"dss.example/common/judge"

	"dss.example/p4-consensus/judged"
)

func main() { judge.Main("p4", checks()) }

// checks are all that stage 4's judge checks, in the order of the steps.
func checks() []judge.Check { return slices.Concat(judged.Checks(), logChecks(), kvdChecks()) }

// stepWhole is the step in which everything is there.
const stepWhole = "p4.9"
