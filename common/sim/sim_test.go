package sim_test

import (
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"dss.example/common/machine"
	"dss.example/common/sim"
	"dss.example/common/sim/toys/chain"
	"dss.example/common/trace"
)

var update = flag.Bool("update", false, "write the golden files anew")

const farEnd = "DSS_SIM_FAR_END"

// TestMain lets the test binary be the far end of its own pipe.
func TestMain(m *testing.M) {
	if os.Getenv(farEnd) != "" {
		if err := sim.ServePipe(stdio{}, chain.Roles(chain.Bug(os.Getenv(farEnd+"_BUG")))); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	flag.Parse()
	os.Exit(m.Run())
}

type stdio struct{}

func (stdio) Read(b []byte) (int, error)  { return os.Stdin.Read(b) }
func (stdio) Write(b []byte) (int, error) { return os.Stdout.Write(b) }

func run(cfg *sim.Config, seed uint64) *sim.World {
	w := sim.NewWorld(cfg, seed)
	w.Run()
	w.Close()
	return w
}

func hashes(n int) string {
	cfg := chain.World(chain.None)
	var b strings.Builder
	for seed := range uint64(n) {
		fmt.Fprintf(&b, "%d %016x\n", seed, run(cfg, seed).Hash())
	}
	return b.String()
}

// The golden file holds on every machine, with any number of processors, and under
// the race detector: the check legs run this test in all these ways.
func TestAHundredSeedsGiveTheHashesOfTheGoldenFile(t *testing.T) {
	const golden = "testdata/hashes.txt"
	if *update {
		require.NoError(t, os.WriteFile(golden, []byte(hashes(100)), 0o644))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	require.Empty(t, cmp.Diff(string(want), hashes(100)))
}

func TestEveryOfAThousandSeedsReplaysOnAnyNumberOfProcessors(t *testing.T) {
	n := 1000
	if testing.Short() {
		n = 100
	}
	cfg := chain.World(chain.None)
	want := sim.Many(t.Context(), cfg, 1, n, nil)
	before := runtime.GOMAXPROCS(0)
	defer runtime.GOMAXPROCS(before)
	for procs := 1; procs <= 8; procs *= 2 {
		runtime.GOMAXPROCS(procs)
		got := sim.Many(t.Context(), cfg, 1, n, nil)
		require.Equal(t, want.Hash, got.Hash, "GOMAXPROCS %d", procs)
		require.Equal(t, want.Stats, got.Stats)
	}
}

func TestAThousandSeedsThroughThePipeGiveTheHashInProcess(t *testing.T) {
	n := 1000
	if testing.Short() {
		n = 50
	}
	cfg := chain.World(chain.None)
	want := sim.Many(t.Context(), cfg, 1, n, nil)
	got, err := farPipe(t, "").Many(t.Context(), cfg, 1, n, 128)
	require.NoError(t, err)
	require.Nil(t, got.Failed)
	require.Equal(t, want.Hash, got.Hash)
	require.Equal(t, want.Stats, got.Stats)
	t.Logf("in process %v, through the pipe %v for %d steps", want.Elapsed, got.Elapsed, want.Steps)
}

func TestThePipeFindsTheBugOfTheFarEnd(t *testing.T) {
	got, err := farPipe(t, chain.Overwrite).Many(t.Context(), chain.World(chain.None), 1, 1000, 64)
	require.NoError(t, err)
	require.NotNil(t, got.Failed)
	require.Equal(t, "chain.judge", got.Failed.Rule)
}

func TestAFarEndThatDiesIsABrokenPipeAndNoVerdict(t *testing.T) {
	near, far := io.Pipe()
	far.CloseWithError(io.ErrUnexpectedEOF)
	p := sim.NewPipe(struct {
		io.Reader
		io.Writer
	}{near, io.Discard})
	_, err := p.Many(t.Context(), chain.World(chain.None), 1, 10, 4)
	require.ErrorIs(t, err, sim.ErrPipe)
}

// farPipe starts another process that holds the machines.
func farPipe(t *testing.T, bug chain.Bug) *sim.Pipe {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), farEnd+"=1", farEnd+"_BUG="+string(bug))
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	require.NoError(t, err)
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		require.NoError(t, stdin.Close())
		require.NoError(t, cmd.Wait())
	})
	return sim.NewPipe(struct {
		io.Reader
		io.Writer
	}{stdout, stdin})
}

func TestTracingChangesNothingAndMessagesLinkUp(t *testing.T) {
	cfg := chain.World(chain.None)
	plain := run(cfg, 5)
	w := sim.NewWorld(cfg, 5)
	var records []trace.Record
	w.Trace(func(r trace.Record) { records = append(records, r) })
	require.Nil(t, w.Run())
	w.Close()
	require.Equal(t, plain.Hash(), w.Hash())
	sent := map[uint64]bool{}
	for _, r := range records {
		for _, s := range r.Sent {
			sent[s.ID] = true
		}
		if r.Kind == trace.Recv {
			require.True(t, sent[r.Msg], "step %d receives message %d, which nobody sent", r.N, r.Msg)
		}
	}
	require.Greater(t, len(records), 400)
}

func TestEachSchedulerAndFaultKindOccurs(t *testing.T) {
	cfg := chain.World(chain.None)
	cfg.Faults = cfg.Faults.Damaging()
	cfg.Faults.Wipe = 0.1
	var total sim.Stats
	for _, s := range []sim.Scheduler{sim.Timed, sim.Untimed} {
		cfg.Scheduler = s
		sum := sim.Many(t.Context(), withoutJudges(cfg), 1, 300, nil)
		require.Nil(t, sum.Failed)
		total.Add(sum.Stats)
	}
	for f, n := range total.Faults {
		require.Positive(t, n, "%v never occurred", sim.Fault(f))
	}
}

// order demands that each life of a machine begins with what it must load.
type order struct{ ready map[machine.Addr]int }

func (j order) Step(s *sim.Step) error {
	switch s.In.Event.(type) {
	case machine.Load:
		return nil
	case machine.Ready:
		j.ready[s.Addr] = s.Life + 1
		return nil
	}
	if j.ready[s.Addr] != s.Life+1 {
		return fmt.Errorf("%v is given a %T before it is ready", s.Addr, s.In.Event)
	}
	return nil
}

func (order) End(*sim.World) error { return nil }

func TestNothingComesBeforeReadyNotEvenWhenTheFaultsEnd(t *testing.T) {
	cfg := chain.World(chain.None)
	cfg.Liveness = 60 * machine.Second
	cfg.Judges = func() []sim.Judge { return []sim.Judge{order{map[machine.Addr]int{}}} }
	sum := sim.Many(t.Context(), cfg, 1, 500, nil)
	require.Nil(t, sum.Failed, "seed %d: %v", sum.Seed, sum.Failed)
}

// pace demands that, when the faults have ended, a node's clock goes at least as fast as
// the world's.
type pace struct {
	calm int // steps before the faults end
	last map[machine.Addr]*sim.Step
}

func (j pace) Step(s *sim.Step) error {
	if s.N < j.calm {
		return nil
	}
	if before := j.last[s.Addr]; before != nil && before.Life == s.Life && s.In.Now-before.In.Now < s.At-before.At {
		return fmt.Errorf("%v: its clock goes from %v to %v while the world's goes from %v to %v", s.Addr, before.In.Now, s.In.Now, before.At, s.At)
	}
	now := *s
	j.last[s.Addr] = &now
	return nil
}

func (pace) End(*sim.World) error { return nil }

func TestAClockThatRanFastDoesNotStandStillWhenTheFaultsEnd(t *testing.T) {
	cfg := chain.World(chain.None)
	cfg.Liveness = 60 * machine.Second
	cfg.Events, cfg.Faults.Drift = 200, 0.2
	cfg.Judges = func() []sim.Judge { return []sim.Judge{pace{cfg.Events, map[machine.Addr]*sim.Step{}}} }
	sum := sim.Many(t.Context(), cfg, 1, 300, nil)
	require.Nil(t, sum.Failed, "seed %d: %v", sum.Seed, sum.Failed)
}

func withoutJudges(cfg *sim.Config) *sim.Config {
	c := *cfg
	c.Judges = nil
	return &c
}

func TestAMachineThatPanicsFailsTheRunWithItsStack(t *testing.T) {
	cfg := chain.World(chain.None)
	cfg.Nodes[0].Roles[0].Protocol = &machine.Protocol{
		Name: "bomb", New: func(machine.Addr, []byte) (machine.Machine, error) { return bomb{}, nil },
	}
	w := run(cfg, 1)
	fail := w.Run()
	require.NotNil(t, fail)
	require.Equal(t, "panic", fail.Rule)
	require.Contains(t, fail.Stack, "bomb")
}

type bomb struct{}

func (bomb) Step(machine.In, *machine.Out) { panic("boom") }
