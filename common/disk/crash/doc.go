// Package crash tries what a program does to a disk against every moment at which the
// machine may stop, and every call that may fail.
//
// A [Scenario] is a program in three parts: what was there before, a run that tells as it
// goes on how much it has acknowledged, and a check that opens what a crash has left and
// says what is wrong. [Explore] crashes the run before every call of the disk and after
// the last. What is not durable at that moment may be there afterwards or not, each effect
// by itself: it makes the disk of every subset of them, and checks each that is new. With
// Depth 2 it crashes every check in the same way, for who recovers may crash as well, and
// starts again.
//
// [FailEach] lets each call of the run fail once, in each way that its operation can, then
// two calls of one run, and crashes that run everywhere after the first of them.
//
// Both stop at the first [Failure], make it simple, and say how to have it again. That
// takes a run that does the same whenever it is given the same: calls in the same order.
package crash

import (
	"fmt"

	"dss.example/common/disk"
)

// Scenario is a program to be crashed. A panic in one of its parts is an error.
type Scenario struct {
	// Setup prepares the disk. What it did is durable. Nil does nothing.
	Setup func(d disk.Disk) error

	// Run is crashed. It calls ack with the number of operations that it has
	// acknowledged to whoever asked for them, whenever that number grows. Without
	// a fault it must return nil.
	Run func(d disk.Disk, ack func(n int)) error

	// Check opens what a crash has left and says what is wrong with it: an
	// acknowledged operation that is not there, something that nobody has written.
	// An operation that was under way may be there or not. What Check itself writes
	// is what a recovery writes, for it is crashed too and then runs again.
	Check func(d disk.Disk, acked int) error
}

// Options bounds an exploration. The zero Options are sensible.
type Options struct {
	Depth   int    // crashes in a row: 1, the default, crashes the run only, 2 the check after it too
	PerCall int    // states made at one call, default 65,536 for Explore, 64 for FailEach: of more subsets than that so many are sampled
	Pairs   int    // of FailEach: runs in which two calls fail, default 1,000: of more so many are sampled
	Seed    uint64 // of the samples
	Only    string // try one state only: the Only of a Failure
}

// Stats counts what was tried.
type Stats struct {
	Runs     int // of Scenario.Run
	Calls    int // of the disk, by the runs
	States   int // disks made: a call and a subset of its effects
	Distinct int // of them, by contents and what was acknowledged: each was checked
	Sampled  int // calls that had more subsets than PerCall
}

// String tells the counts in words.
func (s Stats) String() string {
	return fmt.Sprintf("%d runs, %d calls, %d states, %d distinct, %d calls sampled",
		s.Runs, s.Calls, s.States, s.Distinct, s.Sampled)
}

func (o Options) orElse(perCall int) Options {
	o.Depth = max(o.Depth, 1)
	if o.PerCall <= 0 {
		o.PerCall = perCall
	}
	if o.Pairs <= 0 {
		o.Pairs = 1000
	}
	return o
}
