package pack_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"dss.example/common/blob"
	"dss.example/common/disk"
	"dss.example/common/disk/crash"
	"dss.example/p2-persist/pack"
)

// step is what a run does between two acknowledgements. It ends with a Sync.
type step struct {
	put, delete []int
	compact     bool
}

// do carries out a step.
func (st step) do(s *pack.Store) error {
	for _, n := range st.put {
		if _, err := s.Put(blob.Raw, bytesOf(n)); err != nil {
			return err
		}
	}
	for _, n := range st.delete {
		if err := s.Delete([]blob.ID{idOf(n)}); err != nil {
			return err
		}
	}
	if st.compact {
		if _, err := s.Compact(context.Background(), pack.CompactOptions{Live: 1}); err != nil {
			return err
		}
	}
	return s.Sync()
}

// scenario runs the steps; a check demands that what they have made is there.
func scenario(before []step, steps ...step) crash.Scenario {
	run := func(d disk.Disk, ack func(int), steps []step) error {
		s, err := pack.Open(disk.FS{Disk: d}, dir, small())
		if err != nil {
			return err
		}
		for i, st := range steps {
			if err := st.do(s); err != nil {
				return errors.Join(err, s.Close())
			}
			ack(i + 1)
		}
		return s.Close()
	}
	all := append(before, steps...)
	return crash.Scenario{
		Setup: func(d disk.Disk) error { return run(d, func(int) {}, before) },
		Run:   func(d disk.Disk, ack func(int)) error { return run(d, ack, steps) },
		Check: func(d disk.Disk, acked int) error { return check(d, all, len(before)+acked) },
	}
}

// check opens a store after a crash and says what is wrong with it, if the first acked
// steps were acknowledged.
func check(d disk.Disk, steps []step, acked int) error {
	s, err := pack.Open(disk.FS{Disk: d}, dir, small())
	if err != nil {
		return err
	}
	defer func() { _ = s.Close() }()
	here, unsure := map[int]bool{}, map[int]bool{}
	for i, st := range steps {
		for _, n := range st.put {
			here[n], unsure[n] = true, unsure[n] || i >= acked
		}
		for _, n := range st.delete {
			here[n], unsure[n] = false, unsure[n] || i >= acked
		}
	}
	for n, want := range here {
		b, err := s.Get(idOf(n))
		switch {
		case err == nil && !bytes.Equal(b, bytesOf(n)):
			return fmt.Errorf("blob %d reads as something else", n)
		case err != nil && !errors.Is(err, blob.ErrNotFound), !unsure[n] && want != (err == nil):
			return fmt.Errorf("blob %d after %d steps: %v", n, acked, err)
		}
	}
	names, err := disk.FS{Disk: d}.List(dir)
	if err != nil {
		return err
	}
	for _, name := range names {
		number, isIndex := strings.CutPrefix(name, "idx-")
		if isIndex && !slices.Contains(names, "pack-"+number) {
			return fmt.Errorf("a crash is taken for the loss of pack %s", number)
		}
	}
	if st := s.Stats(); st.Damaged > 0 || st.Lost > 0 {
		return fmt.Errorf("a crash is taken for damage: %+v", st)
	}
	return nil
}

// scenarios are complete for up to three puts, and for each thing that moves files.
func scenarios() map[string]crash.Scenario {
	full := []step{{put: seq(0, 3)}}
	holes := []step{{put: seq(0, 7)}, {delete: []int{0, 1, 3, 4, 5, 6}}}
	return map[string]crash.Scenario{
		"one put":                 scenario(nil, step{put: []int{1}}),
		"three puts":              scenario(nil, step{put: []int{1}}, step{put: []int{2}}, step{put: []int{3}}),
		"three puts at once":      scenario(nil, step{put: []int{1, 2, 3}}),
		"a put again":             scenario(full, step{put: []int{1}, delete: []int{2}}, step{put: []int{2}}),
		"a rotation":              scenario(full, step{put: []int{3}}, step{put: []int{4}}),
		"a delete":                scenario(full, step{delete: []int{0, 2}}, step{put: []int{4}}),
		"a compaction":            scenario(holes, step{compact: true}, step{put: []int{0}}),
		"a compaction, then more": scenario(holes, step{compact: true}, step{put: []int{0}, delete: []int{2}}, step{compact: true}),
	}
}

func TestCrashLosesNothingThatWasSynced(t *testing.T) {
	for name, s := range scenarios() {
		t.Run(name, func(t *testing.T) {
			stats, err := crash.Explore(s, crash.Options{PerCall: 1 << 12})
			require.NoError(t, err)
			require.Greater(t, stats.Distinct, 3)
			t.Log(stats)
		})
	}
}

func TestCrashOfTheRecoveryLosesNothingEither(t *testing.T) {
	for name, s := range scenarios() {
		t.Run(name, func(t *testing.T) {
			stats, err := crash.Explore(s, crash.Options{Depth: 2, PerCall: 40})
			require.NoError(t, err)
			t.Log(stats)
		})
	}
}

func TestFailedCallLosesNothingThatWasSynced(t *testing.T) {
	for name, s := range scenarios() {
		t.Run(name, func(t *testing.T) {
			stats, err := crash.FailEach(s, crash.Options{PerCall: 8, Pairs: 60})
			require.NoError(t, err)
			t.Log(stats)
		})
	}
}

func TestWhatANewProcessFindsOutlivesACrash(t *testing.T) {
	for stop := 1; stop < 40; stop++ {
		r := &room{disk: disk.NewMemory(), options: small(), dir: "."}
		r.open(t)
		r.put(t, 0, 1, 2)
		r.delete(t, 0)
		r.disk.Inject(disk.CrashAt(r.disk.Stats().Calls + stop))
		for _, n := range seq(3, 9) {
			if _, err := r.Put(blob.Raw, bytesOf(n)); err != nil || r.Sync() != nil {
				break
			}
		}
		_, _ = r.Compact(context.Background(), pack.CompactOptions{Live: 1})
		r.disk = r.disk.Kill()
		r.open(t)
		r.put(t, 50)
		before, err := r.List(blob.ID{}, blob.MaxBatch)
		require.NoError(t, err)
		r.crash(t)
		after, err := r.List(blob.ID{}, blob.MaxBatch)
		require.NoError(t, err)
		require.Equal(t, before, after, "killed in call %d", stop)
	}
}
