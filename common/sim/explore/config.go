package explore

import (
	"errors"
	"fmt"
	"strings"

	"dss.example/common/machine"
	"dss.example/common/trace"
)

// Place is one address in the world.
type Place struct {
	Addr     machine.Addr
	Protocol *machine.Protocol // decodes what arrives here, is saved here and answered here
	Config   []byte            // handed to Protocol.New

	// New makes a machine as it stands before its first Load. It must make the
	// same each time. Nil means Protocol.New and Config. When Protocol.New is nil
	// too, nobody lives here: messages to it are kept for the invariant, and never
	// delivered.
	New func() (Live, error)
}

// Ask is a command that may be asked at any time, once in a run.
type Ask struct {
	To  machine.Addr
	Cmd machine.Data
}

// Act is something that the environment may do: all its messages are sent at
// once.
type Act struct {
	Name string // for the path
	From machine.Addr
	Send []machine.Envelope // After and Early mean nothing here
}

// Config says what to search. Places must not be empty; all else is optional.
type Config struct {
	Places []Place // at most MaxPlaces
	Asks   []Ask   // at most MaxAsks

	Crashes int            // crash-and-restarts in one run, of all nodes together
	Mortal  []machine.Node // who may crash; nil means every node
	Timers  int            // timers that may fire in one run; 0 forgets all timers
	Calls   int            // how often one machine.Call may arrive at one incarnation; 0 means once

	// Inject returns what the environment could do in a world. It must depend on
	// nothing but the world.
	Inject func(World) []Act

	// Invariant returns what is wrong with a world, or nil. It is called once for
	// each world and must depend on nothing but the world.
	Invariant func(World) error

	MaxWorlds int // default DefaultWorlds
	MaxDepth  int // actions in one run; 0 means any number

	// Progress is called after every ProgressEvery worlds. False stops the search.
	Progress func(Progress) bool
}

// Bounds of a search.
const (
	MaxPlaces     = 64
	MaxAsks       = 32
	DefaultWorlds = 2_000_000 // about 100 bytes each
	ProgressEvery = 1 << 16

	maxBudget = 1<<16 - 1 // crashes and timers share a word
	maxLives  = 1024      // machines kept running for the next step of their state
)

// Progress tells how far a search is.
type Progress struct {
	Worlds int // found so far
	Done   int // of which all successors are known
	Depth  int // of the world looked at
}

// Result is what a search found.
type Result struct {
	Worlds    int // distinct worlds
	Locals    int // distinct local states, of all places
	Messages  int // distinct messages and answers
	Steps     int // steps of machines, replays included
	Depth     int // actions on the longest of the shortest paths
	Exhausted bool
	Violation *Violation // nil when none was found
}

// Errors of a search.
var (
	ErrNotExhausted = errors.New("search stopped before every world was visited: nothing is shown")
	ErrConfig       = errors.New("cannot search")
)

// Err is the verdict: a *Violation, ErrNotExhausted, or nil when every world was
// visited and none is wrong.
func (r *Result) Err() error {
	switch {
	case r.Violation != nil:
		return r.Violation
	case !r.Exhausted:
		return fmt.Errorf("%w: %d worlds, depth %d", ErrNotExhausted, r.Worlds, r.Depth)
	}
	return nil
}

// Violation is a world that must not be, and how one gets there.
type Violation struct {
	Err   error          // of the invariant, or of the machine contract
	Path  []string       // the actions, a line each
	Trace []trace.Record // the same run for the viewers; the last record is the violation
}

// Error tells what is wrong and the whole path.
func (v *Violation) Error() string {
	return fmt.Sprintf("%v, after %d actions:\n  %s", v.Err, len(v.Path), strings.Join(v.Path, "\n  "))
}

// Unwrap returns what the invariant returned.
func (v *Violation) Unwrap() error { return v.Err }
