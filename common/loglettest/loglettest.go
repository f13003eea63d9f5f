// Package loglettest holds the conformance suite of loglet.Loglet: what every shared log must
// do, whatever it is made of. [Run] is the suite; a [Check] is one promise.
//
// A log may live in a pretended world: the suite starts no goroutine, reads no clock and sets
// no deadline of its own. What a world cannot do to its log (restart it, cut it off, lose its
// answers) is not asked of it, and Run says which checks it left out.
//
// Random choices come from a seed, 1 unless the flag -loglettest.seed or the variable
// LOGLETTEST_SEED names another. Each failure prints it.
package loglettest

import (
	"cmp"
	"flag"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"dss.example/common/loglet"
)

// World is where one log lives, fresh and empty at first. A function that is nil is
// something that cannot be done to this log.
type World struct {
	// Log returns the log as one client sees it, numbered from 0 to MaxClients-1: where
	// there are several servers or connections, each by its own. All see one log. Must be set.
	Log func(client int) loglet.Loglet

	// Reopen ends what serves the log, as a crash would, and starts it again from what it
	// has kept. It is called while no call is under way. What Log returned before is used
	// no more.
	Reopen func() error

	// Doubt lets the answers to appends get lost, or no more: while on, an Append ends as
	// loglet.ErrMaybe, done or not, as done, or as definitely not done; many as the first.
	Doubt func(on bool)

	// Outage makes the log unavailable to all clients, or available again.
	Outage func(on bool)

	// Damage loses the bytes of the entry at a position, wherever they are kept.
	Damage func(pos loglet.Pos) error

	// Parallel calls fn(0) to fn(n-1) at the same time and returns when all have. nil: in
	// goroutines.
	Parallel func(n int, fn func(i int))
}

// MaxClients bounds the numbers that World.Log is asked for.
const MaxClients = 8

// Check is one promise of a Loglet.
type Check struct {
	Name string // the promise, in words

	// Run judges the log of an empty world, with the random choices of a seed. It returns
	// nil if the promise is kept.
	Run func(w *World, seed uint64) error

	needs func(w *World) bool // nil: nothing special
}

// Applies reports whether the check can be made in a world.
func (c *Check) Applies(w *World) bool { return c.needs == nil || c.needs(w) }

// Checks returns every promise, the simplest first.
func Checks() []Check {
	return slices.Concat(basicChecks(), pageChecks(), trimChecks(), sealChecks(), concurrentChecks(),
		troubleChecks(), streamChecks(), randomChecks())
}

// This belongs to the command line of the test binary.
var seedFlag = flag.Uint64("loglettest.seed", 0, "seed of random choices; 0 takes LOGLETTEST_SEED, or 1")

// Run tests that the logs of the worlds that fresh makes keep every promise. Each check has
// a world of its own.
func Run(t *testing.T, fresh func(t *testing.T) *World) {
	t.Helper()
	env, _ := strconv.ParseUint(os.Getenv("LOGLETTEST_SEED"), 10, 64)
	seed := cmp.Or(*seedFlag, env, 1)
	kinds := fresh(t)
	for _, c := range Checks() {
		if !c.Applies(kinds) {
			t.Logf("left out, for this world cannot do it: %s", c.Name)
			continue
		}
		t.Run(c.Name, func(t *testing.T) {
			require.NoError(t, c.Run(fresh(t), seed), "replay with -loglettest.seed=%d", seed)
		})
	}
}

// promise makes a Check of what a subject must do.
func promise(name string, do func(s *subject)) Check {
	return Check{Name: name, Run: func(w *World, seed uint64) error {
		h := fnv.New64a() // each check draws from a sequence of its own
		h.Write([]byte(name))
		s := &subject{w: w, rng: rand.New(rand.NewPCG(seed, h.Sum64()))}
		do(s)
		return s.failure()
	}}
}

// where limits checks to worlds that can do something.
func where(can func(w *World) bool, checks ...Check) []Check {
	for i := range checks {
		checks[i].needs = can
	}
	return checks
}

// Memory returns a world around a loglet.Memory that leaves gap positions empty after each
// entry. seed decides which of the appends in doubt are done.
func Memory(gap int, seed uint64) *World { return Around(loglet.NewMemory(gap), seed) }

// Around is Memory for a log that exists.
func Around(m *loglet.Memory, seed uint64) *World {
	rng := rand.New(rand.NewPCG(seed, 0x6c6f67))
	fates := []loglet.Fate{loglet.Stored, loglet.Lost, loglet.Unsaid, loglet.Late}
	return &World{
		Log:    func(int) loglet.Loglet { return m },
		Reopen: func() error { return nil },
		Doubt: func(on bool) {
			m.Disturb(nil)
			if on {
				m.Disturb(func() loglet.Fate { return fates[rng.IntN(len(fates))] })
			}
		},
		Outage: m.Down,
		Damage: func(pos loglet.Pos) error {
			if !m.Damage(pos) {
				return fmt.Errorf("no entry at %d", pos)
			}
			return nil
		},
	}
}

// parallel calls fn as the world likes.
func (w *World) parallel(n int, fn func(i int)) {
	if w.Parallel != nil {
		w.Parallel(n, fn)
		return
	}
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { fn(i) })
	}
	all.Wait()
}
