package wal_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"dss.example/common/disk"
	"dss.example/common/disk/crash"
	"dss.example/common/stable"
	"dss.example/p2-persist/wal"
)

// A script is a letter for each thing done to a log: append a record, of which two fit
// into a tiny segment, or a long one of many sectors; sync; replay, which writes what was
// appended; trim to the last record, or to the end; open the log again.
func do(open func() (stable.Log, error), script string, ack func(int)) error {
	l, err := open()
	if err != nil {
		return err
	}
	for i, letter := range script {
		switch letter {
		case 'a':
			_, err = l.Append(fmt.Appendf(nil, "%60d", i))
		case 'L':
			_, err = l.Append(fmt.Appendf(nil, "%1800d", i))
		case 's':
			err = l.Sync()
		case 't':
			err = l.Trim(l.Next() - 1)
		case 'e':
			err = l.Trim(l.Next())
		case 'r':
			_, err = contents(l)
		case 'o':
			if err = l.Close(); err == nil {
				l, err = open()
			}
		}
		if err != nil {
			return err
		}
		ack(i + 1)
	}
	return nil
}

// checked is the record that a check appends; a check that crashes leaves some behind.
const checked = "appended by a check"

// twins returns what a log may hold after a crash in the step behind those acknowledged: a
// twin that has done that step or not, crashed so that it keeps some of what was not
// synced. A trim that was not synced is undone, or not.
func twins(script string, acked int) map[string]bool {
	all := map[string]bool{}
	for done := acked; done <= min(acked+1, len(script)); done++ {
		for keep := range len(script) + 1 {
			twin := stable.NewMemory()
			reopen := func() (stable.Log, error) { twin = twin.Crash(0); return twin, nil }
			if err := do(reopen, script[:done], func(int) {}); err != nil {
				panic(err)
			}
			before, _ := contents(twin)
			after, _ := contents(twin.Crash(keep))
			all[strings.Join(after, "\n")] = true
			trimmed := slices.DeleteFunc(after, func(s string) bool {
				return !strings.HasPrefix(s, "next") && !slices.Contains(before, s)
			})
			all[strings.Join(trimmed, "\n")] = true
		}
	}
	return all
}

// opener opens the log on a disk, with segments of some size.
func opener(d disk.Disk, size int64) func() (stable.Log, error) {
	return func() (stable.Log, error) {
		l, _, err := wal.Open(disk.FS{Disk: d}, dir, wal.Options{SegmentSize: size})
		return l, err
	}
}

// scenario crashes a script on a log with segments of some size.
func scenario(script string, size int64) crash.Scenario {
	return crash.Scenario{
		Run: func(d disk.Disk, ack func(int)) error { return do(opener(d, size), script, ack) },
		Check: func(d disk.Disk, acked int) error {
			got, err := recovered(d)
			if err == nil && !twins(script, acked)[got] {
				err = fmt.Errorf("recovered:\n%s\nnone of %d states of the twin", got, len(twins(script, acked)))
			}
			return err
		},
	}
}

// recovered opens a log, appends to it, and opens it again. It returns what the log held
// but for the records of checks.
func recovered(d disk.Disk) (string, error) {
	before, err := recoverAndAppend(d)
	if err != nil {
		return "", err
	}
	l, r, err := wal.Open(disk.FS{Disk: d}, dir, tiny)
	if err != nil {
		return "", err
	}
	after, err := contents(l)
	switch n := len(before) - 1; {
	case err != nil:
		return "", err
	case len(r.Damage) > 0 || r.Lost > 0 || r.Torn > 0:
		return "", fmt.Errorf("a second recovery found %+v", r)
	case !slices.Equal(after[:n], before[:n]) || len(after) != n+2 || !strings.HasSuffix(after[n], checked):
		return "", fmt.Errorf("after a restart:\n%s\nbefore:\n%s", strings.Join(after, "\n"), strings.Join(before, "\n"))
	}
	kept := slices.DeleteFunc(before[:len(before)-1], func(s string) bool { return strings.HasSuffix(s, checked) })
	checks := len(before) - 1 - len(kept)
	var next int
	if _, err := fmt.Sscanf(before[len(before)-1], "next %d", &next); err != nil {
		return "", err
	}
	return strings.Join(append(kept, fmt.Sprintf("next %d", next-checks)), "\n"), l.Close()
}

func recoverAndAppend(d disk.Disk) ([]string, error) {
	l, r, err := wal.Open(disk.FS{Disk: d}, dir, tiny)
	if err != nil {
		return nil, err
	}
	if len(r.Damage) > 0 || r.Lost > 0 {
		return nil, fmt.Errorf("a crash is reported as damage: %+v", r)
	}
	before, err := contents(l)
	if err == nil {
		_, err = l.Append([]byte(checked))
	}
	if err == nil {
		err = l.Sync()
	}
	if err != nil {
		return nil, err
	}
	return slices.Clone(before), l.Close()
}

func TestEveryCrashLeavesWhatTheTwinCouldLeave(t *testing.T) {
	for _, script := range []string{
		"as", "asasas", "aaas", "aaaas", "aasaas", "asatsas", "ases", "aaaetsas", "aatasaas", "LsLs", "aLs", "aaaaaatsa",
		"ararars", "LrLrs", "LsLrLr", "asoas", "LrsotrLs", "aaasoeaasots", "LsesLs",
	} {
		for _, size := range []int64{wal.MinSegment, 8 << 10} {
			t.Run(fmt.Sprint(script, " ", size), func(t *testing.T) {
				stats, err := crash.Explore(scenario(script, size), crash.Options{PerCall: 1 << 12})
				require.NoError(t, err)
				t.Log(stats)
			})
		}
	}
}

// sizeOf gives a script with long records segments that hold some of them.
func sizeOf(script string) int64 {
	if strings.Contains(script, "L") {
		return 8 << 10
	}
	return wal.MinSegment
}

func TestACrashDuringRecoveryChangesNothing(t *testing.T) {
	for _, script := range []string{"as", "aaas", "aaets", "asL", "LrLr", "asLrLr", "asotsa"} {
		t.Run(script, func(t *testing.T) {
			stats, err := crash.Explore(scenario(script, sizeOf(script)), crash.Options{Depth: 2, PerCall: 64})
			require.NoError(t, err)
			t.Log(stats)
		})
	}
}

func TestNoFailedCallAndNoTwoLoseWhatWasSynced(t *testing.T) {
	for _, script := range []string{"asas", "aaas", "aaets", "Ls", "LrLrs", "asoats"} {
		t.Run(script, func(t *testing.T) {
			stats, err := crash.FailEach(scenario(script, sizeOf(script)), crash.Options{PerCall: 16, Pairs: 200})
			require.NoError(t, err)
			t.Log(stats)
		})
	}
}

// A process that was killed leaves what it has written to be seen, durable or not.
func TestARecoveryAfterAKillCanItselfBeCutShort(t *testing.T) {
	const script = "aasaatsaes"
	want := map[int]map[string]bool{} // by what was acknowledged
	onlyRemovals := func(_ int, e disk.Effect) bool { return e.Kind == disk.Removed }
	for killed := 1; ; killed++ {
		for cut, done := 1, false; !done; cut++ {
			m := disk.NewMemory()
			m.Inject(disk.CrashAt(killed))
			acked := 0
			if do(opener(m, tiny.SegmentSize), script, func(n int) { acked = n }) == nil {
				require.Greater(t, killed, 15)
				return
			}
			if want[acked] == nil {
				want[acked] = twins(script, acked)
			}
			m = m.Kill()
			m.Inject(disk.CrashAt(m.Stats().Calls + cut))
			_, _, err := wal.Open(disk.FS{Disk: m}, dir, tiny)
			done = err == nil
			for name, keep := range map[string]func(int, disk.Effect) bool{"nothing": disk.KeepNone, "removals": onlyRemovals} {
				got, err := recovered(m.Crash(keep))
				require.NoError(t, err, "killed in call %d, crashed in call %d of the recovery, kept %s", killed, cut, name)
				require.Contains(t, want[acked], got)
			}
		}
	}
}

// After a sync that failed a system goes on to show what it will never write.
func TestWhatAReplayHasShownIsThereAfterEveryCrash(t *testing.T) {
	const script = "asaasaLats"
	for failing := 1; ; failing++ {
		m := disk.NewMemory()
		syncs := 0
		m.Inject(func(_ int, c disk.Call) disk.Fault {
			if c.Op == disk.Sync {
				if syncs++; syncs == failing {
					return disk.Fault{Code: disk.IO}
				}
			}
			return disk.Fault{}
		})
		err := do(opener(m, tiny.SegmentSize), script, func(int) {})
		if syncs < failing {
			require.NoError(t, err)
			return
		}
		require.Error(t, err)
		m = m.Kill()
		l, _ := open(t, m, tiny)
		shown, err := contents(l)
		require.NoError(t, err)
		l, _ = open(t, m.Crash(disk.KeepNone), tiny)
		holds(t, l, shown...)
	}
}
