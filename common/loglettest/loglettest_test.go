package loglettest_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"dss.example/common/loglet"
	"dss.example/common/loglettest"
)

func TestMemoryKeepsEveryPromise(t *testing.T) {
	for _, gap := range []int{0, 1, 6} {
		t.Run(fmt.Sprintf("with %d empty positions after each entry", gap), func(t *testing.T) {
			loglettest.Run(t, func(*testing.T) *loglettest.World { return loglettest.Memory(gap, 1) })
		})
	}
}

func TestMemoryKeepsEveryPromiseWhateverTheSeed(t *testing.T) {
	for _, c := range loglettest.Checks() {
		for seed := range uint64(4) {
			require.NoError(t, c.Run(loglettest.Memory(int(seed%3), seed), seed), "%s, seed %d", c.Name, seed)
		}
	}
}

// names are those of all checks.
func names() (all []string) {
	for _, c := range loglettest.Checks() {
		all = append(all, c.Name)
	}
	return all
}

func TestEachWrongLogIsCaughtByTheCheckThatNamesItsPromise(t *testing.T) {
	for _, w := range zoo {
		for name := range strings.SplitSeq(w.checks, ";") {
			t.Run(w.name+"/"+name, func(t *testing.T) {
				i := slices.Index(names(), name)
				require.GreaterOrEqual(t, i, 0, "no check of that name")
				for _, gap := range []int{0, 2} {
					err := loglettest.Checks()[i].Run(w.world(gap), 1)
					require.Error(t, err, "nobody noticed, with %d empty positions after each entry", gap)
					t.Log(err)
				}
			})
		}
	}
}

func TestEveryCheckCatchesSomething(t *testing.T) {
	proved := map[string]bool{}
	for _, w := range zoo {
		for name := range strings.SplitSeq(w.checks, ";") {
			proved[name] = true
		}
	}
	for _, name := range names() {
		require.True(t, proved[name], "no wrong log proves the check %q", name)
	}
}

func TestWhatAWorldCannotDoIsNotAskedOfIt(t *testing.T) {
	plain := func() *loglettest.World {
		return &loglettest.World{Log: func(int) loglet.Loglet { return struct{ loglet.Loglet }{} }}
	}
	var left []string
	for _, c := range loglettest.Checks() {
		if !c.Applies(plain()) {
			left = append(left, c.Name)
		}
	}
	require.Empty(t, cmp.Diff([]string{
		"an append that ends maybe stands once or never",
		"a seal ends the doubt about appends",
		"an outage is told, and nothing is lost in it",
		"a reopened log is what it was",
		"a reopened log is still trimmed",
		"a reopened log is still sealed",
		"a damaged entry is told, and is not the end",
		"a stream is told backwards and whole",
		"an entry stands in all of its streams and is one entry",
		"a stream is told from the head on",
		"bad input about streams is refused and changes nothing",
		"streams of many clients are whole",
	}, left))
}

func TestALogThatDoesNotReopenIsAFailure(t *testing.T) {
	broken := errors.New("the disk is gone")
	i := slices.Index(names(), "a reopened log is what it was")
	w := loglettest.Memory(0, 1)
	w.Reopen = func() error { return broken }
	require.ErrorIs(t, loglettest.Checks()[i].Run(w, 1), broken)
}

func TestAWorldMayHaveCallersOfItsOwn(t *testing.T) {
	ran := 0
	for _, c := range loglettest.Checks() {
		w := loglettest.Memory(0, 1)
		w.Parallel = func(n int, fn func(i int)) {
			ran++
			for i := range n { // one after the other is a schedule, too
				fn(i)
			}
		}
		require.NoError(t, c.Run(w, 1), c.Name)
	}
	require.Positive(t, ran)
}

// counter counts calls of many goroutines.
type counter struct {
	mu sync.Mutex // guards n
	n  int
}

// calls counts one more and returns how many there were.
func (c *counter) calls() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n++
	return c.n
}

// every tells of each nth call.
func (c *counter) every(nth int) bool {
	return c.calls()%nth == 0
}
