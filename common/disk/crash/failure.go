package crash

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"dss.example/common/disk"
)

// Failure is a disk on which Check found something wrong.
type Failure struct {
	Case    Case     // how to have it again: its String is for Options.Only
	Acked   int      // what the run had acknowledged
	Faults  []string // calls that failed, in words
	Crashes []Crash  // of the run, then of each check that was crashed
	Err     error    // what Check found
}

// Crash is one stop of the machine.
type Crash struct {
	Call int           // calls that had been made
	Kept []disk.Effect // of what was not durable
	Lost []disk.Effect
}

// Unwrap returns what Check found.
func (f *Failure) Unwrap() error { return f.Err }

// Error tells the whole story.
func (f *Failure) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%v\nwith %d acknowledged", f.Err, f.Acked)
	for _, fault := range f.Faults {
		fmt.Fprintf(&b, "\n%s", fault)
	}
	for i, c := range f.Crashes {
		who := "the run"
		if i > 0 {
			who = "the check after that"
		}
		fmt.Fprintf(&b, "\n%s crashed after its call %d", who, c.Call)
		for _, e := range c.Lost {
			fmt.Fprintf(&b, "\n  lost: %v", e)
		}
		for _, e := range c.Kept {
			fmt.Fprintf(&b, "\n  kept: %v", e)
		}
	}
	fmt.Fprintf(&b, "\nagain: crash.Options{Only: %q}", f.Case)
	return b.String()
}

// errOnce tells that a failure did not come again.
var errOnce = errors.New("and not when it was repeated: the run does not always do the same")

// only repeats one case, and returns the failure if it fails.
func (x *explorer) only(text string) (Stats, error) {
	c, err := parseCase(text)
	if err != nil {
		return Stats{}, err
	}
	if f := x.replay(c); f.Err != nil {
		return Stats{}, f
	}
	return Stats{}, nil
}

// simplify keeps what the failure need not lose, effect by effect, and returns the failure
// that is left.
func (x *explorer) simplify(f *Failure) error {
	best := x.replay(f.Case)
	if best.Err == nil {
		f.Err = fmt.Errorf("%w\n%w", f.Err, errOnce)
		return f
	}
	for crash := range f.Case.crashes {
		for _, lost := range f.Case.crashes[crash].lost {
			rest := slices.Clone(best.Case.crashes[crash].lost)
			rest = slices.DeleteFunc(rest, func(n int) bool { return n == lost })
			if simpler := x.replay(best.Case.at(crash, rest)); simpler.Err != nil {
				best = simpler
			}
		}
	}
	return best
}
