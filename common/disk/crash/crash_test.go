package crash_test

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"dss.example/common/disk"
	"dss.example/common/disk/crash"
)

// replace is one way to give a file new contents.
type replace func(f disk.FS, name, text string) error

// steps is a replace that does its steps in the order they are given.
func steps(order string) replace {
	return func(f disk.FS, name, text string) error {
		temp, err := f.Create("temp")
		for _, step := range order {
			if err != nil {
				break
			}
			switch step {
			case 'w':
				_, err = temp.WriteAt([]byte(text), 0)
			case 's':
				err = temp.Sync()
			case 'i': // ignores what it returns
				_ = temp.Sync()
			case 't': // tries again
				if err = temp.Sync(); err != nil {
					err = temp.Sync()
				}
			case 'r':
				err = f.Rename("temp", name)
			case 'd':
				err = f.SyncDir(".")
			}
		}
		if temp != nil {
			err = errors.Join(err, temp.Close())
		}
		return err
	}
}

func text(n int) string { return fmt.Sprint("value ", n) }

// replaces replaces a file puts times, each acknowledged.
func replaces(with replace, puts int) crash.Scenario {
	return crash.Scenario{
		Setup: func(d disk.Disk) error { return disk.FS{Disk: d}.Replace("head", []byte(text(0))) },
		Run: func(d disk.Disk, ack func(int)) error {
			for n := 1; n <= puts; n++ {
				if err := with(disk.FS{Disk: d}, "head", text(n)); err != nil {
					return err
				}
				ack(n)
			}
			return nil
		},
		Check: func(d disk.Disk, acked int) error {
			f := disk.FS{Disk: d}
			if err := f.Remove("temp"); err != nil && !errors.Is(err, disk.NotFound) {
				return err
			}
			if err := f.RemoveTemps("."); err != nil {
				return err
			}
			got, err := f.ReadFile("head", 100)
			if err != nil {
				return err
			}
			for n := acked; n <= puts; n++ {
				if string(got) == text(n) {
					return nil
				}
			}
			return fmt.Errorf("head holds %q", got)
		},
	}
}

func fsReplace(f disk.FS, name, text string) error { return f.Replace(name, []byte(text)) }

// The right ways pass, and the counts say that every state was looked at.
func TestRightReplacesSurviveEveryCrash(t *testing.T) {
	for _, c := range []struct {
		name string
		way  replace
		puts int
		deep int
		want crash.Stats
	}{
		{"by steps", steps("wsrd"), 1, 1, crash.Stats{Runs: 1, Calls: 6, States: 19, Distinct: 6}},
		{"by steps, three times", steps("wsrd"), 3, 1, crash.Stats{Runs: 1, Calls: 18, States: 55, Distinct: 16}},
		{"FS.Replace", fsReplace, 3, 1, crash.Stats{Runs: 1, Calls: 18, States: 58, Distinct: 16}},
		{"FS.Replace, recovery crashed too", fsReplace, 3, 2, crash.Stats{Runs: 1, Calls: 18, States: 224, Distinct: 16}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := crash.Explore(replaces(c.way, c.puts), crash.Options{Depth: c.deep})
			require.NoError(t, err)
			require.Empty(t, cmp.Diff(c.want, got))
		})
	}
}

func words(effects []disk.Effect) []string {
	var all []string
	for _, e := range effects {
		all = append(all, e.String())
	}
	return all
}

// Each wrong way is caught within a few states, and blamed on the one effect that it loses.
func TestWrongReplacesAreCaught(t *testing.T) {
	for _, c := range []struct {
		name   string
		order  string
		states int
		lost   string
		only   string
	}{
		{"no sync of the file", "wrd", 14, "call 2: temp grows from 0 to 7 bytes", "3:1"},
		{"rename before the sync", "wrsd", 14, "call 2: temp grows from 0 to 7 bytes", "3:1"},
		{"no sync of the directory", "wsr", 20, "call 4: temp becomes head", "5:1"},
		{"directory synced before the rename", "wsdr", 18, "call 5: temp becomes head", "6:0"},
		{"no sync at all", "wr", 14, "call 2: temp grows from 0 to 7 bytes", "3:1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			stats, err := crash.Explore(replaces(steps(c.order), 1), crash.Options{})
			var f *crash.Failure
			require.ErrorAs(t, err, &f)
			require.Equal(t, c.states, stats.States)
			require.Len(t, f.Crashes, 1)
			require.Empty(t, cmp.Diff([]string{c.lost}, words(f.Crashes[0].Lost)))
			require.Equal(t, c.only, f.Case.String())
		})
	}
}

func TestWrongHandlingOfAFailedSyncIsCaught(t *testing.T) {
	for _, c := range []struct{ name, order string }{
		{"ignored", "wird"},
		{"retried", "wtrd"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := crash.Explore(replaces(steps(c.order), 2), crash.Options{})
			require.NoError(t, err, "no crash alone shows it")
			_, err = crash.FailEach(replaces(steps(c.order), 2), crash.Options{})
			var f *crash.Failure
			require.ErrorAs(t, err, &f)
			require.Equal(t, []string{"call 3 of the run failed: sync file 1: device failed"}, f.Faults)
			require.Empty(t, cmp.Diff([]string{"call 2: temp grows from 0 to 7 bytes"}, words(f.Crashes[0].Lost)))
		})
	}
}

func TestRightReplacesSurviveEveryFailureAndEveryTwo(t *testing.T) {
	stats, err := crash.FailEach(replaces(fsReplace, 2), crash.Options{})
	require.NoError(t, err)
	require.Greater(t, stats.Runs, 12)
	require.Zero(t, stats.Sampled)
	few, err := crash.FailEach(replaces(fsReplace, 2), crash.Options{Pairs: 5})
	require.NoError(t, err)
	require.Less(t, few.Runs, stats.Runs)
	require.Equal(t, 1, few.Sampled)
}

func TestOnlyRepeatsTheFailureThatNamesIt(t *testing.T) {
	s := replaces(steps("wird"), 2)
	_, first := crash.FailEach(s, crash.Options{})
	var f *crash.Failure
	require.ErrorAs(t, first, &f)
	_, again := crash.FailEach(s, crash.Options{Only: f.Case.String()})
	require.EqualError(t, again, first.Error())
	require.Equal(t, `head holds ""
with 0 acknowledged
call 3 of the run failed: sync file 1: device failed
the run crashed after its call 4
  lost: call 2: temp grows from 0 to 7 bytes
  kept: call 1: temp is made
  kept: call 2: bytes 0 to 7 of temp
  kept: call 4: temp becomes head
again: crash.Options{Only: "3.0 4:1"}`, again.Error())
	_, err := crash.FailEach(s, crash.Options{Only: "3.0 4:"})
	require.NoError(t, err, "a state that loses nothing is right")
}

func TestOnlyOfNonsenseIsAnError(t *testing.T) {
	for _, only := range []string{"x", "1:x", "-1:", "1.x 1:", "1.-1 1:", "1:2/", ":"} {
		_, err := crash.Explore(replaces(fsReplace, 1), crash.Options{Only: only})
		require.ErrorContains(t, err, "only ", only)
	}
}

// recovers is a scenario whose run is right and whose recovery empties the file for a
// moment.
func recovers() crash.Scenario {
	s := replaces(fsReplace, 1)
	check := s.Check
	s.Check = func(d disk.Disk, acked int) error {
		if err := check(d, acked); err != nil {
			return err
		}
		head, err := disk.FS{Disk: d}.Open("head")
		if err != nil {
			return err
		}
		b, err := head.ReadFull(0, len(text(0)))
		err = errors.Join(err, head.Truncate(0))
		_, werr := head.WriteAt(b, 0)
		return errors.Join(err, werr, head.Sync(), head.Close())
	}
	return s
}

func TestARecoveryThatMayNotCrashIsCaughtAtDepthTwo(t *testing.T) {
	_, err := crash.Explore(recovers(), crash.Options{})
	require.NoError(t, err)
	_, err = crash.Explore(recovers(), crash.Options{Depth: 2})
	var f *crash.Failure
	require.ErrorAs(t, err, &f)
	require.Len(t, f.Crashes, 2)
	require.Empty(t, f.Crashes[0].Lost)
	require.Contains(t, err.Error(), "the check after that crashed after its call")
	_, again := crash.Explore(recovers(), crash.Options{Only: f.Case.String()})
	require.EqualError(t, again, err.Error())
}

// A disk that a crashed recovery has left was not crashed again; when the run leaves the
// same one, its recovery must be.
func TestADiskThatWasCheckedIsCrashedWhenItIsDueToBe(t *testing.T) {
	inPlace := recovers().Check
	s := crash.Scenario{
		Setup: replaces(fsReplace, 1).Setup,
		Run: func(d disk.Disk, _ func(int)) error {
			f := disk.FS{Disk: d}
			for _, name := range []string{"a", "b"} {
				if err := f.MakeAll(name); err != nil {
					return err
				}
			}
			return nil
		},
		Check: func(d disk.Disk, acked int) error {
			f := disk.FS{Disk: d}
			a, err := f.Exists("a")
			b, err2 := f.Exists("b")
			switch {
			case err != nil || err2 != nil:
				return errors.Join(err, err2)
			case a && b:
				return inPlace(d, acked)
			case a:
				return f.MakeAll("b")
			}
			return nil
		},
	}
	_, err := crash.Explore(s, crash.Options{Depth: 2})
	require.ErrorContains(t, err, `head holds ""`)
}

// torn writes a file of many sectors in place, never synced, so that all of it waits. It
// is wrong if a certain number of them is lost.
func torn(sectors, pieces, wrong int) crash.Scenario {
	return crash.Scenario{
		Setup: func(d disk.Disk) error {
			d.(*disk.Memory).SetPieces(pieces)
			return disk.FS{Disk: d}.Replace("a", make([]byte, sectors*disk.Sector))
		},
		Run: func(d disk.Disk, _ func(int)) error {
			f, err := disk.FS{Disk: d}.Open("a")
			if err == nil {
				_, err = f.WriteAt(bytes.Repeat([]byte("x"), sectors*disk.Sector), 0)
			}
			return err
		},
		Check: func(d disk.Disk, _ int) error {
			b, err := disk.FS{Disk: d}.ReadFile("a", 1<<20)
			if bytes.Count(b, []byte{0}) == wrong*disk.Sector {
				return fmt.Errorf("%d sectors are lost", wrong)
			}
			return err
		},
	}
}

func TestMoreSubsetsThanPerCallAreSampledBySeed(t *testing.T) {
	whole, err := crash.Explore(torn(10, 6, -1), crash.Options{})
	require.NoError(t, err)
	require.Empty(t, cmp.Diff(crash.Stats{Runs: 1, Calls: 2, States: 1 + 1 + 1<<6, Distinct: 1 << 6}, whole))
	o := crash.Options{PerCall: 1000, Seed: 7}
	wide, err := crash.Explore(torn(40, 20, 1), o)
	require.NoError(t, err)
	require.Equal(t, 1, wide.Sampled)
	require.Equal(t, 1002, wide.States)
	again, err := crash.Explore(torn(40, 20, 1), o)
	require.NoError(t, err)
	require.Empty(t, cmp.Diff(wide, again))
	_, err = crash.Explore(torn(40, 40, 1), o)
	require.ErrorContains(t, err, "1 sectors are lost")
}

func TestAFailureLosesNoMoreThanItNeeds(t *testing.T) {
	s := torn(12, 12, -1)
	s.Check = func(d disk.Disk, _ int) error {
		b, err := disk.FS{Disk: d}.ReadFile("a", 1<<20)
		if b[0] == 'x' && b[3*disk.Sector] != 'x' && b[9*disk.Sector] != 'x' {
			return errors.New("sectors 3 and 9 are both lost")
		}
		return err
	}
	_, err := crash.Explore(s, crash.Options{Seed: 1, PerCall: 500})
	var f *crash.Failure
	require.ErrorAs(t, err, &f)
	require.Empty(t, cmp.Diff([]string{"call 2: bytes 1536 to 2048 of a", "call 2: bytes 4608 to 5120 of a"}, words(f.Crashes[0].Lost)))
}

func TestWhatIsWrongWithTheScenarioIsSaid(t *testing.T) {
	broken := errors.New("broken")
	s := replaces(fsReplace, 1)
	s.Setup = func(disk.Disk) error { return broken }
	_, err := crash.Explore(s, crash.Options{})
	require.ErrorIs(t, err, broken)
	_, err = crash.FailEach(s, crash.Options{})
	require.ErrorIs(t, err, broken)

	s = replaces(fsReplace, 1)
	s.Run = func(disk.Disk, func(int)) error { return broken }
	_, err = crash.Explore(s, crash.Options{})
	require.ErrorIs(t, err, broken)
	require.ErrorContains(t, err, "though nothing went wrong")
	_, err = crash.FailEach(s, crash.Options{})
	require.ErrorContains(t, err, "though nothing went wrong")
}

func TestStatsAreToldInWords(t *testing.T) {
	require.Equal(t, "1 runs, 2 calls, 3 states, 2 distinct, 0 calls sampled",
		crash.Stats{Runs: 1, Calls: 2, States: 3, Distinct: 2}.String())
}

func TestAPanicIsAFailure(t *testing.T) {
	s := replaces(fsReplace, 1)
	s.Check = func(disk.Disk, int) error { panic("no such luck") }
	_, err := crash.Explore(s, crash.Options{})
	var f *crash.Failure
	require.ErrorAs(t, err, &f)
	require.EqualError(t, f.Err, "panic: no such luck")
}

func TestARunThatChangesIsToldFromOneThatRepeats(t *testing.T) {
	s := replaces(fsReplace, 1)
	failed := false
	s.Check = func(disk.Disk, int) error {
		if failed {
			return nil
		}
		failed = true
		return errors.New("once")
	}
	_, err := crash.Explore(s, crash.Options{})
	require.ErrorContains(t, err, "once")
	require.ErrorContains(t, err, "does not always do the same")
}
