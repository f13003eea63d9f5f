// Judge examines the programs of a submission for stage 3, from outside. Of parts, and of servers
// that have met before, it asks what package judged says; here are servers on empty disks (p3.9),
// who have to be born first.
//
//	whole.go  the submission's servers in the worlds of cmd/sim
//	kvd.go    the submission's servers as people start them
//	group.go  three of these, and those who ask them
package main

import (
	"slices"

	"dss.example/common/judge"

	"dss.example/p3-replication/judged"
)

func main() { judge.Main("p3", checks()) }

// checks are all that stage 3's judge checks, in the order of the steps.
func checks() []judge.Check { return slices.Concat(judged.Checks(), wholeChecks(), kvdChecks()) }

// stepBirth is the last step of this half: with births and retirements everything is there.
const stepBirth = "p3.9"
