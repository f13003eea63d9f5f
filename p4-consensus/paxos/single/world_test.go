package single_test

import (
	"bytes"
	"context"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"dss.example/common/house/tally"
	"dss.example/common/machine"
	"dss.example/common/script"
	"dss.example/common/script/scripttest"
	"dss.example/common/sim"
	"dss.example/common/sim/explore"
	"dss.example/common/sim/simtest"

	"dss.example/p4-consensus/paxos/single"
	"dss.example/p4-consensus/spec"
)

var schedules = flag.Int("schedules", 5000, "schedules of the safety run, of all worlds together")

// group is a Config by name.
type group struct {
	name string
	single.Config
}

// groups are those that schedules are run with.
func groups() []group {
	crowded := single.Config{
		Acceptors: of(5).Acceptors, Proposers: []machine.Node{11, 12, 13}, Learners: []machine.Node{21, 22, 23}, Told: 2,
	}
	even := of(4)
	even.Proposers, even.Learners = single.Usual().Proposers, single.Usual().Learners
	return []group{{"usual", single.Usual()}, {"distinguished", distinguished()}, {"flexible", flexible()}, {"even", even}, {"crowded", crowded}}
}

// distinguished is a Config with one distinguished learner.
func distinguished() single.Config {
	c := single.Usual()
	c.Told = 1
	return c
}

// flexible is one of four acceptors, of which three promise and two vote.
func flexible() single.Config {
	c := of(4)
	c.Proposers, c.Learners = single.Usual().Proposers, single.Usual().Learners
	c.Quorum1, c.Quorum2 = 3, 2
	return c
}

// world is that of a Config with the specification as its judge.
func world(c single.Config) *sim.Config {
	return single.World(c, func() []sim.Judge { return []sim.Judge{spec.NewSynod(c)} })
}

func run(t *testing.T, cfg *sim.Config, n int) *sim.Summary {
	t.Helper()
	if testing.Short() {
		n = max(n/20, 10)
	}
	sum := sim.Many(t.Context(), cfg, 1, n, nil)
	require.Nil(t, sum.Failed, "seed %d: %v", sum.Seed, sum.Failed)
	tally.Add(t, "schedules", sum.Schedules)
	tally.Add(t, "faults", sum.Total())
	return sum
}

func TestNoScheduleDoesWhatTheSpecificationForbids(t *testing.T) {
	for _, g := range groups() {
		t.Run(g.name, func(t *testing.T) {
			sum := run(t, world(g.Config), *schedules/len(groups()))
			for _, f := range []sim.Fault{
				sim.FaultDrop, sim.FaultDuplicate, sim.FaultReorder, sim.FaultDelay, sim.FaultPartition, sim.FaultOneWay,
				sim.FaultPause, sim.FaultCrash, sim.FaultRecoveryCrash, sim.FaultUnsynced, sim.FaultFull, sim.FaultSyncError,
			} {
				require.NotZero(t, sum.Faults[f], f)
			}
			t.Logf("\n%s", sum.Table())
		})
	}
}

func TestEveryCommandIsAnsweredSoonAfterTheLastFault(t *testing.T) {
	for _, g := range groups() {
		t.Run(g.name, func(t *testing.T) {
			cfg := world(g.Config)
			cfg.Liveness = 10 * machine.Second
			run(t, cfg, 60)
		})
	}
}

func TestAHundredSeedsReplay(t *testing.T) {
	simtest.Replays(t, world(single.Usual()), 100)
}

func TestSchedulesThroughThePipeGiveTheHashOfTheirRunsHere(t *testing.T) {
	simtest.ThroughPipe(t, world(single.Usual()), single.Roles(), 100)
}

func TestScripts(t *testing.T) {
	scripttest.Run(t, "testdata/*.txt", func() script.World { return single.Script(single.Few()) })
	scripttest.Run(t, "testdata/distinguished/*.txt", func() script.World { return single.Script(distinguished()) })
}

// The same runs by what hangs on nobody's order of messages: what was answered, and for
// which value votes were asked and given in which ballot.
func TestDuelsAndHalfAcceptedValuesAndLostPromisesEndAsThePapersSay(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		want, err := os.ReadFile(file)
		require.NoError(t, err)
		got, err := script.Run(string(want), single.Script(single.Few()), nil)
		require.NoError(t, err, file)
		require.Empty(t, cmp.Diff(facts(string(want)), facts(got)), file)
	}
}

var fact = regexp.MustCompile(`answered .*|accept(ed)? "\w*"@[0-9.]+`)

// facts are those of a script, each of them once.
func facts(text string) []string {
	return slices.Compact(slices.Sorted(slices.Values(fact.FindAllString(text, -1))))
}

// search tries every run, and returns how many worlds there are. In short mode it looks at
// the first of them.
func search(t *testing.T, cfg explore.Config) (worlds int) {
	t.Helper()
	if testing.Short() {
		cfg.MaxWorlds = 10_000
	}
	r, err := explore.Search(cfg)
	require.NoError(t, err)
	require.Nil(t, r.Violation, "%v", r.Err())
	t.Logf("%d worlds, %d local states, %d messages, %d steps, depth %d", r.Worlds, r.Locals, r.Messages, r.Steps, r.Depth)
	if !testing.Short() {
		require.NoError(t, r.Err())
	}
	return r.Worlds
}

// searchAll is search for the reference, which has so many worlds. Who counts votes in
// another way has others, and may be as right.
func searchAll(t *testing.T, cfg explore.Config, want int) {
	t.Helper()
	if worlds := search(t, cfg); !testing.Short() {
		require.Equal(t, want, worlds)
	}
}

func TestTwoProposersWithOneBallotEachAgreeInEveryWorld(t *testing.T) {
	require.Greater(t, search(t, single.Small(single.Few())), 1000)
}

func TestTwoProposersWithOneBallotEachAgreeOverACrashAnywhere(t *testing.T) {
	small := single.Small(single.Few())
	small.Crashes = 1
	searchAll(t, small, 997_202)
}

func TestOtherGroupsAgreeInEveryWorld(t *testing.T) {
	few := flexible()
	few.Learners = nil
	searchAll(t, single.Small(few), 454_369)
	searchAll(t, single.Small(distinguished()), 230_865)
}

func TestExplorePrintsWhatItFound(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var out bytes.Buffer
	require.ErrorIs(t, single.Explore(ctx, &out, func(string) {}), explore.ErrNotExhausted)
	require.Contains(t, out.String(), "worlds")
}

// far is a machine behind a pipe: everything goes through bytes.
type far struct {
	explore.Live
	protocol *machine.Protocol
}

func (f far) Step(in machine.In, out *machine.Out) {
	there, err := machine.DecodeIn(machine.AppendIn(nil, in), f.protocol)
	if err != nil {
		panic(err)
	}
	var answer machine.Out
	f.Live.Step(there, &answer)
	if err := machine.DecodeOut(machine.AppendOut(nil, &answer), out); err != nil {
		panic(err)
	}
}

func TestMachinesBehindAPipeHaveTheSameWorlds(t *testing.T) {
	small := single.Small(single.Few())
	for i, p := range small.Places {
		small.Places[i].New = func() (explore.Live, error) {
			m, err := p.Protocol.New(p.Addr, p.Config)
			return far{explore.Local(m), p.Protocol}, err
		}
	}
	searchAll(t, small, 171_281)
}
