package collect_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dss.example/common/blob"
	"dss.example/common/disk"
	"dss.example/common/disk/crash"
	"dss.example/p2-persist/collect"
	"dss.example/p2-persist/datadir"
	"dss.example/p2-persist/object"
)

// flipBytes flips a bit in the middle of the only place of the packs where b stands.
func flipBytes(t *testing.T, m *disk.Memory, b []byte) bool {
	t.Helper()
	names, err := disk.FS{Disk: m}.List("blobs")
	require.NoError(t, err)
	for _, name := range names {
		content, err := disk.FS{Disk: m}.ReadFile("blobs/"+name, 1<<20)
		require.NoError(t, err)
		if at := bytes.Index(content, b); at >= 0 {
			return m.Flip("blobs/"+name, int64(at+len(b)/2), 3)
		}
	}
	return false
}

// start is when the crashes happen.
var start = time.Unix(1_000_000_000, 0)

// orchard fills a store: what it returns is reached from its heads, and the rest is not.
func orchard(s *datadir.Store) (map[blob.ID][]byte, error) {
	live := map[blob.ID][]byte{}
	for n := range 7 {
		b := leafBytes(n)
		leaf, err := s.Blobs.Put(blob.Raw, b)
		if err != nil {
			return nil, err
		}
		object, err := object.Encode(node{fmt.Sprint(n), []blob.ID{leaf}})
		if err != nil {
			return nil, err
		}
		root, err := s.Blobs.Put(blob.DAGCBOR, object)
		if err != nil {
			return nil, err
		}
		if n%3 != 1 {
			continue
		}
		live[leaf], live[root] = b, object
		if err := point(s.Heads, fmt.Sprint("branch/", n), root); err != nil {
			return nil, err
		}
	}
	return live, s.Blobs.Sync()
}

// collectAt runs a collection so long after the start.
func collectAt(s *datadir.Store, grace, after time.Duration) error {
	_, err := collect.Run(context.Background(), s.Blobs, s.Heads, collect.Options{
		Grace: grace, Live: 1, Now: func() time.Time { return start.Add(after) },
	})
	return err
}

// within opens a store, lets do use it, and closes it.
func within(d disk.Disk, do func(s *datadir.Store) error) error {
	s, err := openStore(d)
	if err != nil {
		return err
	}
	return errors.Join(do(s), s.Close())
}

// collection is a scenario: a store on which collections have run at the times of before,
// is collected at the time of now.
func collection(grace, now time.Duration, before ...time.Duration) crash.Scenario {
	var live map[blob.ID][]byte
	return crash.Scenario{
		Setup: func(d disk.Disk) error {
			err := within(d, func(s *datadir.Store) (err error) {
				live, err = orchard(s)
				return err
			})
			for _, at := range before {
				err = errors.Join(err, within(d, func(s *datadir.Store) error { return collectAt(s, grace, at) }))
			}
			return err
		},
		Run: func(d disk.Disk, ack func(int)) error {
			return within(d, func(s *datadir.Store) error {
				if err := collectAt(s, grace, now); err != nil {
					return err
				}
				ack(1)
				return nil
			})
		},
		Check: func(d disk.Disk, acked int) error {
			return within(d, func(s *datadir.Store) error {
				if err := keeps(s, live); err != nil {
					return err
				}
				want := len(live)
				if acked == 1 && now-grace >= 0 && s.Blobs.Stats().Blobs != want {
					return fmt.Errorf("%d blobs after the collection, want %d", s.Blobs.Stats().Blobs, want)
				}
				return nil
			})
		},
	}
}

// keeps says what is missing of what must be there, or is damaged.
func keeps(s *datadir.Store, live map[blob.ID][]byte) error {
	for id, want := range live {
		b, err := s.Blobs.Get(id)
		if err != nil || !bytes.Equal(b, want) {
			return fmt.Errorf("%v: %w", id, err)
		}
	}
	if st := s.Blobs.Stats(); st.Damaged > 0 || st.Lost > 0 {
		return fmt.Errorf("a crash is taken for damage: %+v", st)
	}
	_, err := s.Heads.List()
	return err
}

// again lets the check collect twice more, whatever the crash has left: also nodes of a
// list that nothing leads to.
func again(s crash.Scenario, grace, now time.Duration) crash.Scenario {
	check := s.Check
	s.Check = func(d disk.Disk, acked int) error {
		for _, at := range []time.Duration{now, now + grace} {
			if err := within(d, func(s *datadir.Store) error { return collectAt(s, grace, at) }); err != nil {
				return err
			}
		}
		return check(d, 1)
	}
	return s
}

func scenarios() map[string]crash.Scenario {
	return map[string]crash.Scenario{
		"without a grace":        collection(0, 0),
		"that condemns":          collection(grace, grace-1),
		"that sweeps":            collection(grace, grace, 0),
		"that sweeps, and again": again(collection(grace, grace, 0), grace, 3*grace),
	}
}

func TestCrashOfACollectionLosesNothingThatIsReached(t *testing.T) {
	for name, s := range scenarios() {
		t.Run(name, func(t *testing.T) {
			stats, err := crash.Explore(s, crash.Options{})
			require.NoError(t, err)
			require.Greater(t, stats.Distinct, 5)
			require.Zero(t, stats.Sampled, "it is complete")
			t.Log(stats)
		})
	}
}

func TestCrashOfTheRecoveryLosesNothingEither(t *testing.T) {
	stats, err := crash.Explore(scenarios()["that sweeps, and again"], crash.Options{Depth: 2, PerCall: 8})
	require.NoError(t, err)
	t.Log(stats)
}

func TestFailedCallLosesNothingThatIsReached(t *testing.T) {
	for name, s := range scenarios() {
		t.Run(name, func(t *testing.T) {
			stats, err := crash.FailEach(s, crash.Options{PerCall: 4, Pairs: 40})
			require.NoError(t, err)
			t.Log(stats)
		})
	}
}
