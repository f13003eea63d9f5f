package checkpoint_test

import (
	"bytes"
	"fmt"
	"iter"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"dss.example/common/blob"
	"dss.example/common/disk"
	"dss.example/p2-persist/checkpoint"
	"dss.example/p2-persist/durable"
	"dss.example/p2-persist/head"
	"dss.example/p2-persist/history"
	"dss.example/p2-persist/object"
)

// state is a View.
type state map[string]string

func (s state) Pairs(from string) iter.Seq2[string, []byte] {
	var keys []string
	for k := range s {
		if k >= from {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	return func(yield func(string, []byte) bool) {
		for _, k := range keys {
			if !yield(k, []byte(s[k])) {
				return
			}
		}
	}
}

func taken(seq uint64, s state) durable.Taken {
	return durable.Taken{Mark: durable.Mark{Seq: seq, Now: 77}, View: s}
}

// counted counts what is put.
type counted struct {
	*blob.Memory
	puts atomic.Int64
}

func (c *counted) Put(codec blob.Codec, b []byte) (blob.ID, error) {
	c.puts.Add(1)
	return c.Memory.Put(codec, b)
}

func newStore(t *testing.T) (*counted, *head.Store) {
	blobs := &counted{Memory: blob.NewMemory()}
	heads, err := head.Open(disk.FS{Disk: disk.NewMemory()}, "heads", blobs)
	require.NoError(t, err)
	t.Cleanup(func() { _ = heads.Close() })
	return blobs, heads
}

func open(t *testing.T, blobs blob.Store, heads history.Heads) (*checkpoint.Keeper, *durable.Snapshot) {
	return openKeeping(t, blobs, heads, 0)
}

func openKeeping(t *testing.T, blobs blob.Store, heads history.Heads, keep int) (*checkpoint.Keeper, *durable.Snapshot) {
	k, err := checkpoint.Open(blobs, heads, keep)
	require.NoError(t, err)
	s, err := k.Newest()
	require.NoError(t, err)
	return k, s
}

func read(t *testing.T, s *durable.Snapshot) state {
	got := state{}
	for p, err := range s.Pairs {
		require.NoError(t, err)
		got[p.Key] = string(p.Value)
	}
	return got
}

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func TestTheNewestStateIsReadAsItWasSaved(t *testing.T) {
	blobs, heads := newStore(t)
	k, s := open(t, blobs, heads)
	require.Nil(t, s, "there is none yet")
	want := state{
		"a": "", "b": "x", "c\x00\xff": "y",
		"edge": string(bytes.Repeat([]byte("e"), 64<<10)), "large": string(bytes.Repeat([]byte("l"), 64<<10+1)),
		"zeros": string(make([]byte, 5<<20)),
	}
	_, err := k.Save(taken(3, state{"old": "1"}), noon)
	require.NoError(t, err)
	_, err = k.Save(taken(9, want), noon.Add(time.Hour))
	require.NoError(t, err)

	_, s = open(t, blobs, heads)
	require.EqualValues(t, 9, s.Seq)
	require.EqualValues(t, 77, s.Now)
	require.Empty(t, cmp.Diff(want, read(t, s)))
}

func TestWhatIsSavedIsDurable(t *testing.T) {
	blobs, heads := newStore(t)
	k, _ := open(t, blobs, heads)
	_, err := k.Save(taken(3, state{"a": "1"}), noon)
	require.NoError(t, err)
	require.Zero(t, blobs.Unsynced())
}

func TestOlderStatesStayReadable(t *testing.T) {
	blobs, heads := newStore(t)
	k, _ := open(t, blobs, heads)
	for hour := range 3 {
		_, err := k.Save(taken(uint64(hour)+1, state{"hour": fmt.Sprint(hour)}), noon.Add(time.Duration(hour)*time.Hour))
		require.NoError(t, err)
	}
	id, err := history.New(blobs, heads).Resolve(checkpoint.Branch+"@"+noon.Add(90*time.Minute).Format(time.RFC3339), noon)
	require.NoError(t, err)
	s, err := k.Load(id)
	require.NoError(t, err)
	require.Equal(t, state{"hour": "1"}, read(t, s))
}

// numbers are those of the checkpoints that are kept.
func numbers(k *checkpoint.Keeper) (all []uint64) {
	for _, c := range k.Kept() {
		all = append(all, c.Number)
	}
	return all
}

func TestTheNewestStatesAreKeptAndNothingLeadsToOthers(t *testing.T) {
	blobs, heads := newStore(t)
	k, _ := openKeeping(t, blobs, heads, 3)
	roots := map[uint64]checkpoint.Checkpoint{}
	for n := range uint64(7) {
		c, err := k.Save(taken(10*n+1, state{"n": fmt.Sprint(n + 1)}), noon.Add(time.Duration(n)*time.Hour))
		require.NoError(t, err)
		roots[n+1] = c
		want := []uint64{}
		for i := max(n+1, 3) - 2; i <= n+1; i++ {
			want = append(want, i)
		}
		require.Equal(t, want, numbers(k))
	}
	again, newest := openKeeping(t, blobs, heads, 3)
	require.Empty(t, cmp.Diff(k.Kept(), again.Kept(), cmp.AllowUnexported(checkpoint.Checkpoint{})))
	require.Equal(t, state{"n": "7"}, read(t, newest))

	reached := map[blob.ID]bool{}
	for id, err := range history.New(blobs, heads).Mark() {
		require.NoError(t, err)
		reached[id] = true
	}
	for _, c := range k.Kept() {
		s, err := again.State(c)
		require.NoError(t, err)
		require.Equal(t, state{"n": fmt.Sprint(c.Number)}, read(t, s))
		require.EqualValues(t, 10*(c.Number-1)+1, s.Seq)
		require.True(t, noon.Add(time.Duration(c.Number-1)*time.Hour).Equal(c.Time))
		require.True(t, reached[c.ID])
	}
	for n := uint64(1); n <= 4; n++ {
		require.False(t, reached[roots[n].ID], "checkpoint %d", n)
	}
	require.Len(t, reached, 3*3, "a snapshot, a root and a node each")
}

func TestMoreOrFewerCanBeKeptFromNowOn(t *testing.T) {
	blobs, heads := newStore(t)
	k, _ := openKeeping(t, blobs, heads, 4)
	save := func(seq uint64) {
		_, err := k.Save(taken(seq, state{}), noon)
		require.NoError(t, err)
	}
	for seq := range uint64(5) {
		save(seq + 1)
	}
	require.Equal(t, []uint64{2, 3, 4, 5}, numbers(k))
	k, _ = openKeeping(t, blobs, heads, 2)
	require.Equal(t, []uint64{2, 3, 4, 5}, numbers(k), "until the next one")
	save(6)
	require.Equal(t, []uint64{5, 6}, numbers(k))
	k, _ = openKeeping(t, blobs, heads, 3)
	save(7)
	require.Equal(t, []uint64{5, 6, 7}, numbers(k))
	for _, n := range []int{-1, checkpoint.MaxKeep + 1} {
		_, err := checkpoint.Open(blobs, heads, n)
		require.ErrorIs(t, err, checkpoint.ErrKeep)
	}
}

func TestACheckpointIsLaterThanTheOneBeforeWhateverTheClockSays(t *testing.T) {
	blobs, heads := newStore(t)
	k, _ := open(t, blobs, heads)
	for _, at := range []time.Time{noon, noon.Add(-time.Hour), noon} {
		_, err := k.Save(taken(1, state{}), at)
		require.NoError(t, err)
	}
	k, _ = open(t, blobs, heads)
	for i, c := range k.Kept() {
		require.True(t, noon.Add(time.Duration(i)).Equal(c.Time))
	}
}

func TestTwoStatesShareWhatDidNotChange(t *testing.T) {
	blobs, heads := newStore(t)
	k, _ := open(t, blobs, heads)
	s := state{"large": string(bytes.Repeat([]byte("l"), 3<<20))}
	for i := range 5000 {
		s[fmt.Sprintf("key %06d", i)] = "value"
	}
	_, err := k.Save(taken(1, s), noon)
	require.NoError(t, err)
	_, before := count(t, blobs)
	s["key 002500"] = "other"
	_, err = k.Save(taken(2, s), noon.Add(time.Second))
	require.NoError(t, err)
	_, after := count(t, blobs)
	require.Less(t, after-before, int64(32<<10), "a path, and the root of the checkpoint and of the snapshot")
}

// count returns the number of blobs and of their bytes.
func count(t *testing.T, store blob.Store) (n int, size int64) {
	for after := (blob.ID{}); ; {
		list, err := store.List(after, blob.MaxBatch)
		require.NoError(t, err)
		if len(list) == 0 {
			return n, size
		}
		for _, info := range list {
			n, size, after = n+1, size+info.Size, info.ID
		}
	}
}

func TestWhatIsNoCheckpointIsRefused(t *testing.T) {
	blobs, heads := newStore(t)
	k, _ := open(t, blobs, heads)
	h := history.New(blobs, heads)
	type other struct {
		Version uint64  `cbor:"v"`
		Kind    string  `cbor:"kind"`
		Number  uint64  `cbor:"number"`
		Seq     uint64  `cbor:"seq"`
		Now     int64   `cbor:"now"`
		Oldest  uint64  `cbor:"oldest"`
		Present uint64  `cbor:"present"`
		State   blob.ID `cbor:"state"`
	}
	raw, err := blobs.Put(blob.Raw, []byte("x"))
	require.NoError(t, err)
	for name, v := range map[string]any{
		"another object": map[string]uint64{"v": 1},
		"another kind":   other{1, "snapshot", 1, 1, 1, 1, 1, raw},
		"a newer one":    other{2, "checkpoint", 1, 1, 1, 1, 1, raw},
		"number 0":       other{1, "checkpoint", 0, 1, 1, 1, 1, raw},
		"time backwards": other{1, "checkpoint", 1, 1, 1, 2, 1, raw},
	} {
		root, err := object.Save(blobs, v)
		require.NoError(t, err)
		id, err := history.Save(blobs, history.Snapshot{Root: root, Time: 1})
		require.NoError(t, err)
		_, err = k.Load(id)
		require.ErrorIs(t, err, checkpoint.ErrMalformed, name)
		require.NoError(t, h.SetBranch(checkpoint.Branch, tip(t, h), id))
		_, err = checkpoint.Open(blobs, heads, 0)
		require.ErrorIs(t, err, checkpoint.ErrMalformed, name)
	}
	_, err = k.Load(raw)
	require.ErrorIs(t, err, history.ErrMalformed)
	_, err = k.Save(taken(1, state{}), noon)
	require.ErrorIs(t, err, history.ErrConflict, "the branch has been moved")
}

func tip(t *testing.T, h history.History) blob.ID {
	id, err := h.Resolve(checkpoint.Branch, noon)
	if err != nil {
		require.ErrorIs(t, err, history.ErrUnknown)
	}
	return id
}

func TestAStateThatCannotBeReadToItsEndIsAnError(t *testing.T) {
	blobs, heads := newStore(t)
	k, _ := open(t, blobs, heads)
	s := state{"large": string(bytes.Repeat([]byte("l"), 3<<20))}
	for i := range 3000 {
		s[fmt.Sprintf("key %06d", i)] = "value"
	}
	saved, err := k.Save(taken(1, s), noon)
	require.NoError(t, err)
	id := saved.ID
	var all []blob.ID
	for found, err := range history.Mark(blobs, id) {
		require.NoError(t, err)
		all = append(all, found)
	}
	require.Greater(t, len(all), 10)
	for _, lost := range all {
		b, err := blobs.Get(lost)
		require.NoError(t, err)
		require.NoError(t, blobs.Delete([]blob.ID{lost}))
		require.ErrorIs(t, readAll(k, id), blob.ErrNotFound)
		_, err = blobs.Put(lost.Codec(), b)
		require.NoError(t, err)
	}
	require.NoError(t, readAll(k, id))
}

func readAll(k *checkpoint.Keeper, id blob.ID) error {
	s, err := k.Load(id)
	if err != nil {
		return err
	}
	for _, err := range s.Pairs {
		if err != nil {
			return err
		}
	}
	return nil
}

func TestWhereThereIsNoStateNothingIsSaved(t *testing.T) {
	blobs, heads := newStore(t)
	k, _ := open(t, blobs, heads)
	_, err := k.Save(durable.Taken{Mark: durable.Mark{Refused: "record 7 is damaged"}}, noon)
	require.ErrorContains(t, err, "record 7 is damaged")
	require.Zero(t, blobs.puts.Load())
	_, err = k.Save(taken(1, state{"": "an empty key"}), noon)
	require.Error(t, err)
	_, s := open(t, blobs, heads)
	require.Nil(t, s)
}

func TestAStoreThatFailsIsTold(t *testing.T) {
	blobs, heads := newStore(t)
	k, _ := open(t, blobs, heads)
	blobs.FailSync()
	_, err := k.Save(taken(1, state{"a": "1"}), noon)
	require.ErrorIs(t, err, blob.ErrFailed)
}
