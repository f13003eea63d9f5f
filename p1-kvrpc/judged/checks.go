package judged

import (
	"slices"
	"strings"

	"dss.example/common/judge"
)

// Checks are all that stage 1's judge checks, in the order of the steps.
func Checks() []judge.Check {
	all := slices.Concat(
		newtonChecks(), callerChecks(), serverChecks(), caseChecks(), tableChecks(), sessionChecks(), wholeChecks(),
	)
	slices.SortStableFunc(all, func(a, b judge.Check) int { return strings.Compare(a.Step, b.Step) })
	return all
}
