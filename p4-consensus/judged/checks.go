package judged

import (
	"slices"
	"strings"

	"dss.example/common/judge"

	"dss.example/p4-consensus/paxos/single"
)

// Steps of single-decree Paxos.
const (
	stepAcceptor = "p4.1"
	stepProposer = "p4.2"
	stepLearner  = "p4.3"
)

// Checks are what stage 4's judge asks of parts, in the order of the steps. The log joins two
// stages, so cmd/judge has its checks.
func Checks() []judge.Check {
	all := slices.Concat(
		roleChecks(stepAcceptor, "acceptors", single.Acceptor), acceptorChecks(),
		roleChecks(stepProposer, "proposers", single.Proposer), proposerChecks(),
		roleChecks(stepLearner, "learners", single.Learner), learnerChecks(),
		togetherChecks(), onceChecks(),
	)
	slices.SortStableFunc(all, func(a, b judge.Check) int { return strings.Compare(a.Step, b.Step) })
	return all
}

// roleChecks put the submission's machines of one role into worlds in which all others are
// staff's.
func roleChecks(step, plural, role string) []judge.Check {
	return []judge.Check{
		{
			Step: step, Name: plural + " do nothing that the specification forbids", Run: schedules(role),
			Rule: "Whatever is lost, repeated, delayed or crashes, every record and message is one that Paxos allows then.",
		},
		{
			Step: step, Name: plural + " let everybody be answered", Run: lively(role),
			Rule: "After the last fault every request has an answer, soon.",
		},
		{
			Step: step, Name: plural + " know after a crash what is on their disk, and nothing else", Run: lives(role),
			Rule: "Each life is a process of its own: what it needs of the life before is in its records.",
		},
		{
			Step: step, Name: plural + " agree in every run of a small world", Run: searched(0, role),
			Rule: "In no order of delivery, with any loss and repetition, two values are chosen, or one is told that is not.",
		},
	}
}

// togetherChecks let all roles be the submission's.
func togetherChecks() []judge.Check {
	all := []string{single.Acceptor, single.Proposer, single.Learner}
	return []judge.Check{
		{
			Step: stepLearner, Name: "all roles together agree", Run: schedules(all...),
			Rule: "Acceptors, proposers and learners of one making do together what Paxos allows.",
		},
		{
			Step: stepLearner, Name: "all roles together agree over a crash anywhere", Run: searched(1, all...),
			Rule: "In every run of a small world in which one node crashes and comes back, at most one value is chosen.",
		},
	}
}
