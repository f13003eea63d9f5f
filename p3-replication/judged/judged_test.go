package judged

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"dss.example/common/judge"
	"dss.example/common/judge/judgetest"
)

func TestMain(m *testing.M) { judgetest.Main(m, "p3", Checks()) }

func TestChecksHaveNamesAndRulesOfTheirOwn(t *testing.T) {
	require.Len(t, judgetest.Steps(t, Checks()), 8, "p3.1 to p3.8")
}

// served is the package of the program that serves the stage's parts.
var served = []string{"../cmd/parts"}

// few is enough schedules to see what is broken always.
var few = []string{"-schedules", "20"}

func TestTheReferencePassesEveryCheck(t *testing.T) {
	judgetest.RequireOutcome(t, judge.Passed, judgetest.Verdicts(t, judgetest.Build(t, served), "", few...))
}

func TestAVerdictDependsOnTheSeedsAlone(t *testing.T) {
	bin := judgetest.Build(t, served, judgetest.Mistake{
		File: "../bayou/settle.go", Right: "\ts.unwind(at)\n", Wrong: "\ts.unwind(at + 1)\n",
	})
	const name = "servers that hear each other come to know the same"
	first := judgetest.Verdicts(t, bin, name, "-seed", "7")
	judgetest.RequireOutcome(t, judge.Failed, first)
	require.Equal(t, first[0].Message, judgetest.Verdicts(t, bin, name, "-seed", "7")[0].Message)
}

// caught is a mistake that somebody would make, and the check that must tell.
type caught struct{ file, right, wrong, by string }

// Mistakes that are built together are of parts that the checks of the others do not ask.
func TestWhatIsBrokenFailsWhereItShould(t *testing.T) {
	const order = "../bayou/order/order.go"
	for name, together := range map[string][]caught{
		"parts": {
			{"../vector/stamp.go", "c.last = max(c.last, t)", "c.last = t", "a clock is above all that it was shown"},
			{order, "\tat, _ = l.find(w.ID)\n", "\tat = len(l.tentative)\n", "tentative writes are in the order of their stamps"},
			{"../bayou/state/do.go", "for i := len(e.swaps) - 1;", "for i := min(len(e.swaps), 1) - 1;", "undoing takes back all that a write did"},
		},
		"who accepts": {
			{"../bayou/accept.go", "\ts.save(proto.Learned{Write: *w})\n", "", "a server that is cut off does what it is asked"},
		},
		"who numbers and who reads": {
			{"../bayou/commit.go", "s.log.Tentative()[0].ID", "s.log.Tentative()[len(s.log.Tentative())-1].ID", "all writes get numbers, and all servers the same"},
			{"../bayou/session.go", "kv.ReadYourWrites, kv.MonotonicReads", "kv.ReadYourWrites, 0", "what a session has read it reads ever after"},
		},
		"who is sent a state": {
			{order, "return sure.Knows(w.ID) })", "return true })", "who is sent a state keeps what is its own"},
		},
	} {
		if testing.Short() && name != "parts" {
			continue // each is built
		}
		t.Run(name, func(t *testing.T) {
			var mistakes []judgetest.Mistake
			for _, c := range together {
				mistakes = append(mistakes, judgetest.Mistake{File: c.file, Right: c.right, Wrong: c.wrong})
			}
			bin := judgetest.Build(t, served, mistakes...)
			for _, c := range together {
				judgetest.RequireOutcome(t, judge.Failed, judgetest.Verdicts(t, bin, c.by, few...))
			}
		})
	}
}

// What servers tell each other is between them: these ask and do not tell, and send their state to
// all who lack a number.
func TestServersThatSpeakInAnotherWayPass(t *testing.T) {
	const entropy = "../bayou/entropy.go"
	bin := judgetest.Build(t, served,
		judgetest.Mistake{
			File:  entropy,
			Right: "proto.Offer{Database: s.me.Database, Reach: s.log.Reach()}",
			Wrong: "proto.Want{Database: s.me.Database, Life: s.life, Reach: s.log.Reach(), State: s.arriving.cursor(to)}",
		},
		judgetest.Mistake{File: entropy, Right: "m.Reach.Commit < s.log.Dropped()", Wrong: "m.Reach.Commit < s.log.Commit()"},
	)
	judgetest.RequireOutcome(t, judge.Passed, judgetest.Verdicts(t, bin, "", few...))
}

// Nothing that a program says in the place of an answer is worth a point.
func TestProgramsThatDoNotAnswerGetNothing(t *testing.T) {
	wrong := filepath.Join(judgetest.Build(t, []string{"./testdata/parts"}), program)
	for how, c := range map[string]struct{ check, message string }{ // no check: all
		"agrees": {"", ""},
		"ends":   {"servers that hear each other come to know the same", "judge's pipe broke"},
		"echoes": {"stamps have one order", "judge's pipe broke"},
		"talks":  {"what is settled is what is sure", "judge's pipe broke"},
		"claims": {"both sides of a partition write, and agree when they meet", "answer of 4294967295 bytes"},
		"sleeps": {"a session waits for what it has seen elsewhere", "did nothing for 300ms while it was waited for"},
		"spins":  {"each life needs nothing but its disk", "used more than 1s of processor time"},
	} {
		t.Run(how, func(t *testing.T) {
			args := append([]string{"-idle", "300ms", "-cpu", "1s"}, few...)
			all := judgetest.Verdicts(t, judgetest.Marked(t, wrong, how), c.check, args...)
			judgetest.RequireOutcome(t, judge.Failed, all)
			for _, v := range all {
				require.Contains(t, v.Message, c.message, v.Check)
			}
		})
	}
}
