package harness_test

import (
	"context"
	"errors"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"dss.example/common/bench/harness"
)

// patience ends what hangs; nothing that is right takes as long.
const patience = 30 * time.Second

func TestRoundsAreInterleavedAndEachBeginsWithAnother(t *testing.T) {
	dir := t.TempDir()
	s := stage(system(dir, "ours", "300", "10"), system(dir, "a", "200", "20"), system(dir, "b", "100", "30"))
	c := config(t, s)
	c.Rounds, c.Callers = 2, []int{1, 4}
	r := run(t, c)
	var order []string
	for _, m := range r.Samples {
		order = append(order, strings.Join([]string{strconv.Itoa(m.Round), strconv.Itoa(m.Callers), m.System}, " "))
	}
	require.Empty(t, cmp.Diff([]string{
		"1 1 ours", "1 1 a", "1 1 b", "1 4 ours", "1 4 a", "1 4 b",
		"2 1 a", "2 1 b", "2 1 ours", "2 4 a", "2 4 b", "2 4 ours",
	}, order))
	require.Equal(t, 200.0, r.Samples[1].Rate)
	require.Empty(t, r.Absent)
	require.Equal(t, runtime.Version(), r.Versions["go"])
	require.Positive(t, r.Machine.Cores)
}

func TestServersAreChargedForTheMeasuredTimeOnly(t *testing.T) {
	r := run(t, config(t, stage(system(t.TempDir(), "ours", "1", "1"))))
	want := burn.Seconds() * 1e6 / 1000 // the warm-up would double it
	require.InDelta(t, want, r.Samples[0].ServerCPU, want/3)
}

func TestOnlyThePeersAskedForTakePart(t *testing.T) {
	dir := t.TempDir()
	c := config(t, stage(system(dir, "ours", "1", "1"), system(dir, "a", "1", "1"), system(dir, "b", "1", "1")))
	c.Only = []string{"b"}
	r := run(t, c)
	require.Empty(t, cmp.Diff([]harness.Cell{{Load: "mixed", Callers: 1, Systems: []string{"ours", "b"}}}, r.Cells))
	require.NoFileExists(t, filepath.Join(dir, "a"), "its server was not even started")
}

func TestServersAreGoneWhenARunEnds(t *testing.T) {
	dir := t.TempDir()
	run(t, config(t, stage(system(dir, "ours", "1", "1"), system(dir, "a", "1", "1"))))
	for _, name := range []string{"ours", "a"} {
		require.ErrorIs(t, syscall.Kill(pidOf(t, dir, name), 0), syscall.ESRCH)
	}
}

func TestAPeerThatIsNotInstalledIsNamed(t *testing.T) {
	dir := t.TempDir()
	missing := system(dir, "remote", "1", "1")
	missing.Needs = []harness.Tool{{Program: "no-such-server", Package: "no-such-package"}}
	s := stage(system(dir, "ours", "1", "1"), missing)
	s.Bars = []harness.Bar{{Must: true, Load: "mixed", Callers: []int{1}, Peer: "remote", Want: 1}}
	c := config(t, s)
	var progress, text strings.Builder
	c.Progress = &progress
	r := run(t, c)
	const why = "no-such-server: not installed: apt-get install no-such-package"
	require.Empty(t, cmp.Diff([]harness.Absent{{System: "remote", Why: why}}, r.Absent))
	require.False(t, r.Failed())
	require.Equal(t, harness.NotMeasured, r.Verdicts[0].State)
	require.Equal(t, why, r.Verdicts[0].Why)
	require.NoError(t, s.Print(&text, r))
	require.Contains(t, text.String(), "absent: remote: "+why)
	require.Contains(t, progress.String(), "without remote: "+why)
}

func TestAPeerThatDoesNotWorkIsNamedAndTheOthersGoOn(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*harness.System)
		want   string
	}{
		"a driver that fails": {
			func(s *harness.System) {
				s.Drive = func(harness.Place, harness.Turn) harness.Command { return command("driver") }
			},
			"mixed, 1 caller, round 1: harness.test: exit status 1: driver breaks",
		},
		"a driver without figures": {
			func(s *harness.System) {
				s.Drive = func(harness.Place, harness.Turn) harness.Command { return command("babble") }
			},
			"mixed, 1 caller, round 1: no report: invalid character 'o' in literal null (expecting 'u')",
		},
		"a server that ends": {
			func(s *harness.System) {
				s.Serve = func(harness.Place) []harness.Command { return []harness.Command{command("server")} }
			},
			"harness.test: exit status 1: server breaks",
		},
		"a server that is not there": {
			func(s *harness.System) {
				s.Serve = func(harness.Place) []harness.Command { return []harness.Command{{Path: "./no-such-program"}} }
			},
			"no-such-program: fork/exec ./no-such-program: no such file or directory",
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			broken := system(dir, "broken", "1", "1")
			c.change(&broken)
			conf := config(t, stage(system(dir, "ours", "1", "1"), broken, system(dir, "sound", "1", "1")))
			conf.Rounds = 2
			r := run(t, conf)
			require.Empty(t, cmp.Diff([]harness.Absent{{System: "broken", Why: c.want, Failed: true}}, r.Absent))
			require.True(t, r.Failed())
			require.Len(t, r.Samples, 4, "two systems in two rounds")
		})
	}
}

func TestWithoutOursThereIsNothingToCompare(t *testing.T) {
	ours := system(t.TempDir(), "ours", "1", "1")
	ours.Drive = func(harness.Place, harness.Turn) harness.Command { return command("ours") }
	_, err := harness.Run(t.Context(), config(t, stage(ours)))
	require.ErrorIs(t, err, harness.ErrOurs)
	require.ErrorContains(t, err, "ours breaks")
}

// hanging is a run whose driver never ends. Server and driver leave their pids in dir.
func hanging(dir string) harness.Config {
	s := system(dir, "server", "1", "1")
	s.Drive = func(harness.Place, harness.Turn) harness.Command {
		return command("hang", filepath.Join(dir, "driver"))
	}
	return harness.Config{
		Stage: stage(s), Rounds: 1, For: time.Hour, Callers: []int{1}, Root: ".", Progress: io.Discard, Self: self(),
	}
}

// awaitPIDs returns who has said in dir that it lives.
func awaitPIDs(t *testing.T, dir string) (pids []int) {
	t.Helper()
	for _, name := range []string{"server", "driver"} {
		require.Eventually(t, func() bool {
			_, err := os.Stat(filepath.Join(dir, name))
			return err == nil
		}, patience, time.Millisecond)
		pid := pidOf(t, dir, name)
		require.NoError(t, syscall.Kill(pid, 0), "it lives")
		pids = append(pids, pid)
	}
	return pids
}

// pidOf returns what a fake process has left in dir.
func pidOf(t *testing.T, dir, name string) int {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, name))
	require.NoError(t, err)
	pid, err := strconv.Atoi(string(b))
	require.NoError(t, err)
	return pid
}

func TestAnInterruptLeavesNothingBehind(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", t.TempDir())
	ctx, interrupt := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		_, err := harness.Run(ctx, hanging(dir))
		ended <- err
	}()
	pids := awaitPIDs(t, dir)
	interrupt()
	require.ErrorIs(t, <-ended, context.Canceled)
	for _, pid := range pids {
		require.ErrorIs(t, syscall.Kill(pid, 0), syscall.ESRCH, "it is gone when Run returns")
	}
	left, err := os.ReadDir(os.TempDir())
	require.NoError(t, err)
	require.Empty(t, left)
}

func TestProcessesDieWithABenchmarkThatIsKilled(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", t.TempDir())
	bench := exec.Command(self(), "fake", "bench", dir)
	require.NoError(t, bench.Start())
	pids := awaitPIDs(t, dir)
	require.NoError(t, bench.Process.Kill())
	require.Error(t, bench.Wait())
	for _, pid := range pids {
		require.Eventually(t, func() bool { return errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) || isZombie(pid) }, patience, time.Millisecond)
	}
}

// isZombie is true of a process that is gone and whose new parent has not looked yet.
func isZombie(pid int) bool {
	b, _ := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	_, rest, _ := strings.Cut(string(b), ") ")
	return strings.HasPrefix(rest, "Z")
}

func TestWhatIsShortIsProfiledOnBothSides(t *testing.T) {
	dir := t.TempDir()
	ours := system(dir, "ours", "1", "1")
	ours.Ports = 2
	ours.Profile = func(p harness.Place) string { return "http://" + p.Addrs[1] + "/" }
	s := stage(ours)
	s.Bars = []harness.Bar{
		{Must: true, Load: "mixed", Callers: []int{1}, Want: 2},
		{Load: "mixed", Callers: []int{1}, Want: 3}, // the same cell
	}
	c := config(t, s)
	c.Keep = t.TempDir()
	r := run(t, c)
	require.Len(t, r.Profiles, 2)
	client, server := r.Profiles[0], r.Profiles[1]
	require.Equal(t, []string{"client", "server"}, []string{client.Side, server.Side})
	require.Contains(t, server.Top[0], "flat%", "the fake has burnt some time")
	require.Equal(t, "go tool pprof: exit status 2", client.Top[0], "the fake driver keeps no profile, and that is said")
	require.FileExists(t, filepath.Join(c.Keep, "stage9-mixed-1-server.prof"))
	var text strings.Builder
	require.NoError(t, s.Print(&text, r))
	require.Contains(t, text.String(), "profile: mixed, 1 caller, server\n"+server.Top[0])
}

func TestConfigsThatMakeNoSenseAreRefused(t *testing.T) {
	dir := t.TempDir()
	for want, change := range map[string]func(*harness.Config){
		`stage 9 has no peer "z": want some of [a]`:            func(c *harness.Config) { c.Only = []string{"a", "z"} },
		`bad number of callers 0: want 1 to 10000`:             func(c *harness.Config) { c.Callers = []int{1, 0} },
		`bad number of callers 10001: want 1 to 10000`:         func(c *harness.Config) { c.Callers = []int{10_001} },
		`rounds, time and callers want positive numbers`:       func(c *harness.Config) { c.Rounds = 0 },
		`rounds, time and callers want positive numbers` + " ": func(c *harness.Config) { c.For = 0 },
		`bad scale 2: want more than 0, to 1`:                  func(c *harness.Config) { c.Scale = 2 },
		`bad scale NaN: want more than 0, to 1`:                func(c *harness.Config) { c.Scale = math.NaN() },
	} {
		c := config(t, stage(system(dir, "ours", "1", "1"), system(dir, "a", "1", "1")))
		change(&c)
		_, err := harness.Run(t.Context(), c)
		require.EqualError(t, err, strings.TrimSpace(want))
	}
}
