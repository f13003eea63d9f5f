package judged

import (
	"slices"

	"dss.example/common/judge"
)

// Checks are all that stage 1's judge checks, in the order of the steps.
func Checks() []judge.Check {
	all := slices.Concat(
		newtonChecks(), callerChecks(), serverChecks(), caseChecks(), tableChecks(), sessionChecks(), wholeChecks(),
	)
	slices.SortStableFunc(all, func(a, b judge.Check) int { return compare(a.Step, b.Step) })
	return all
}

// compare orders steps, which have one digit.
func compare(a, b string) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}
