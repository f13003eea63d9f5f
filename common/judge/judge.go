// Package judge is what every stage's cmd/judge shares. A judge is a process of staff
// that examines the programs of a submission from outside: it talks to its servers
// over the wire, drives its machines through the pipe of its cmd/sim, and reads what
// its other programs print. No line of a submission runs inside it, so nothing that a
// submission prints, and no way in which it exits, is a verdict.
//
// A stage lists its Checks and calls [Main]. A grader starts the program with the
// folder of the submission's binaries and reads one [Verdict] a line.
package judge

import "time"

// Check is one thing that a submission must do.
type Check struct {
	Step string // it is part of: "p1.3"
	Name string // the behaviour, unique in its step
	Rule string // what must hold, in words that a student understands

	// Run examines the submission. It must not trust what it starts.
	Run func(t *T)
}

// Outcome is what became of a Check.
type Outcome string

// The outcomes. NotJudged is a fault of the infrastructure, such as a machine so slow
// that time was up while the submission had used little of the processor: it is
// neither right nor wrong, and never worth zero points.
const (
	Passed    Outcome = "passed"
	Failed    Outcome = "failed"
	NotJudged Outcome = "not judged"
)

// Verdict is the result of a Check: one line of JSON on the judge's standard output.
type Verdict struct {
	Step    string        `json:"step"`
	Check   string        `json:"check"`
	Rule    string        `json:"rule"`
	Outcome Outcome       `json:"outcome"`
	Message string        `json:"message,omitempty"` // what went wrong
	Replay  string        `json:"replay,omitempty"`  // a command that shows it again
	Took    time.Duration `json:"took"`
}
