package judged

import (
	"slices"

	"dss.example/common/judge"
)

// Checks are what stage 3's judge asks of parts and of servers that have met, in the order of the
// steps. What is asked of servers on empty disks is in cmd/judge.
func Checks() []judge.Check {
	return slices.Concat(
		vectorChecks(), orderChecks(), stateChecks(), aloneChecks(), entropyChecks(), commitChecks(), sessionChecks(), diskChecks(),
	)
}
