// Judge examines the programs of a submission for stage 2, from outside. Of parts it asks
// what package judged says; of the whole it demands here that nothing is lost.
package main

import (
	"slices"

	"dss.example/common/judge"

	"dss.example/p2-persist/judged"
)

func main() { judge.Main("p2", checks()) }

// checks are all that stage 2's judge checks, in the order of the steps.
func checks() []judge.Check { return slices.Concat(judged.Checks(), wholeChecks()) }
