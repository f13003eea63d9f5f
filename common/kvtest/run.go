package kvtest

import (
	"flag"
	"hash/fnv"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"dss.example/common/kv"
)

// T is what a case needs of a *testing.T. A case calls nothing of it from inside
// World.Parallel.
type T interface {
	Helper()
	Logf(format string, args ...any)
	Errorf(format string, args ...any)
	FailNow()
}

// Settings are what one run of the suite depends on besides the Store.
type Settings struct {
	Seed uint64 // of all random choices
	Ops  int    // of each random case against an in-memory store; 0 means DefaultOps
}

// DefaultOps keeps the suite under three seconds on one core for a store in memory.
const DefaultOps = 3000

// Case is one thing that a Store must do right.
type Case struct {
	Name string // the behaviour

	// Do judges the Store that lives in the worlds which open makes, each of them
	// fresh and empty. Whoever made them closes them.
	Do func(t T, s Settings, open func() World)
}

// These belong to the command line of the test binary.
var (
	seedFlag = flag.Uint64("kvtest.seed", 0, "seed of random cases; 0 takes KVTEST_SEED, or 1")
	opsFlag  = flag.Int("kvtest.ops", 0, "operations of a random case; 0 takes KVTEST_OPS, or the default")
)

// FromFlags returns the settings that the flags or the environment ask for.
func FromFlags() Settings {
	s := Settings{Seed: *seedFlag, Ops: *opsFlag}
	if s.Seed == 0 {
		s.Seed, _ = strconv.ParseUint(os.Getenv("KVTEST_SEED"), 10, 64)
	}
	if s.Ops == 0 {
		s.Ops, _ = strconv.Atoi(os.Getenv("KVTEST_OPS"))
	}
	s.Seed = max(s.Seed, 1)
	return s
}

// Run judges the Store that lives in the worlds that open makes, each case in a
// fresh one. If promises are given the Store must offer exactly that: the suite
// tests what is offered, so a Store that offers less would be asked for less.
func Run(t *testing.T, open func(t testing.TB) World, promises ...kv.Caps) {
	t.Helper()
	RunWith(t, FromFlags(), open, promises...)
}

// RunWith is Run with settings of the caller's, for worlds that are slow.
func RunWith(t *testing.T, s Settings, open func(t testing.TB) World, promises ...kv.Caps) {
	t.Helper()
	first := open(t)
	offers := first.Store(0).Offers()
	first.Close()
	for _, p := range promises {
		require.Equal(t, p, offers, "the Store does not offer what its stage promises")
	}
	for _, c := range Cases(offers) {
		t.Run(c.Name, func(t *testing.T) {
			c.Do(t, s, func() World {
				w := open(t)
				t.Cleanup(w.Close)
				return w
			})
		})
	}
}

// entry is a row in the table of cases: when it applies, and what it does.
type entry struct {
	name  string
	level kv.Level // the least level that it needs
	needs kv.Cap
	do    func(j *judge)
}

// Cases returns the cases for a Store that offers caps, in order: simple ones
// first, so that the first failure is the one to look at.
func Cases(caps kv.Caps) (cases []Case) {
	for _, e := range slices.Concat(
		basicCases, scanCases, compareCases, historyCases, watchCases, leaseCases, sessionCases,
		randomCases, concurrentCases, levelCases, tentativeCases,
	) {
		if caps.Level >= e.level && caps.Has.Has(e.needs) {
			cases = append(cases, Case{Name: e.name, Do: e.run})
		}
	}
	return cases
}

func (e entry) run(t T, s Settings, open func() World) {
	t.Helper()
	h := fnv.New64a() // each case draws from a sequence of its own
	h.Write([]byte(e.name))
	if s.Ops == 0 {
		s.Ops = DefaultOps
	}
	j := &judge{T: seeded{t, s.Seed}, open: open, rng: rand.New(rand.NewPCG(s.Seed, h.Sum64())), ops: s.Ops}
	j.enter()
	e.do(j)
}

// seeded prints with each failure how to repeat it.
type seeded struct {
	T
	seed uint64
}

func (s seeded) Errorf(format string, args ...any) {
	s.T.Helper()
	s.T.Errorf(format+"\nreplay with -kvtest.seed=%d", append(args, s.seed)...)
}
