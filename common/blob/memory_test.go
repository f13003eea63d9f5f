package blob_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"dss.example/common/blob"
)

func put(t *testing.T, m *blob.Memory, texts ...string) []blob.ID {
	t.Helper()
	var ids []blob.ID
	for _, text := range texts {
		id, err := m.Put(blob.Raw, []byte(text))
		require.NoError(t, err)
		ids = append(ids, id)
	}
	return ids
}

// contents reads all that is there; what is damaged reads as that.
func contents(t *testing.T, m *blob.Memory) []string {
	t.Helper()
	infos, err := m.List(blob.ID{}, blob.MaxBatch)
	require.NoError(t, err)
	texts := []string{}
	for _, info := range infos {
		b, err := m.Get(info.ID)
		if err != nil {
			require.ErrorIs(t, err, blob.ErrCorrupt)
			b = []byte("damaged")
		}
		texts = append(texts, string(b))
	}
	slices.Sort(texts)
	return texts
}

func TestCrashKeepsTheUnsyncedChangesThatAreChosen(t *testing.T) {
	for _, c := range []struct {
		keep []int
		want []string
	}{
		{nil, []string{"a", "b"}},
		{[]int{0}, []string{"a", "b", "c"}},
		{[]int{1}, []string{"b"}},
		{[]int{2}, []string{"a", "b", "d"}},
		{[]int{1, 2}, []string{"b", "d"}},
		{[]int{1, 3}, []string{"a", "b"}},
		{[]int{0, 1, 2, 3}, []string{"a", "b", "c", "d"}},
	} {
		m := blob.NewMemory()
		put(t, m, "a", "b")
		require.NoError(t, m.Sync())
		put(t, m, "c", "a")                                                      // change 0, and none
		require.NoError(t, m.Delete([]blob.ID{blob.Sum(blob.Raw, []byte("a"))})) // 1
		put(t, m, "d", "a")                                                      // 2, 3
		require.Equal(t, 4, m.Unsynced())

		after := m.Crash(func(change int) bool { return slices.Contains(c.keep, change) })
		require.Empty(t, cmp.Diff(c.want, contents(t, after)), "%v", c.keep)
		require.Zero(t, after.Unsynced())
		require.Empty(t, cmp.Diff(c.want, contents(t, after.Crash(nil))), "what is on the disk is durable")
	}
}

func TestMemoryThatCrashedIsClosedAndSharesNothingWithTheNext(t *testing.T) {
	m := blob.NewMemory()
	put(t, m, "a", "b")
	after := m.Crash(func(int) bool { return true })
	_, err := m.Put(blob.Raw, []byte("c"))
	require.ErrorIs(t, err, blob.ErrClosed)
	require.Empty(t, contents(t, m.Crash(func(int) bool { return true })), "what crashed has nothing left")
	require.Empty(t, cmp.Diff([]string{"a", "b"}, contents(t, after)))
}

func TestFailedSyncLeavesTheChoiceOfWhatOutlivesIt(t *testing.T) {
	m := blob.NewMemory()
	put(t, m, "a")
	require.NoError(t, m.Sync())
	put(t, m, "b")
	m.FailSync()
	require.ErrorIs(t, m.Sync(), blob.ErrFailed)
	require.Equal(t, 1, m.Unsynced())
	require.Empty(t, cmp.Diff([]string{"a", "b"}, contents(t, m.Crash(func(int) bool { return true }))))
}

func TestDamageStaysThroughACrashAndIsHealedByANewPut(t *testing.T) {
	m := blob.NewMemory()
	a := put(t, m, "a", "b")
	require.NoError(t, m.Sync())
	c := put(t, m, "c")[0]
	require.False(t, m.Damage(blob.Sum(blob.Raw, nil)))
	require.True(t, m.Damage(a[0]))
	require.True(t, m.Damage(c))
	m = m.Crash(func(int) bool { return true })
	require.Empty(t, cmp.Diff([]string{"b", "damaged", "damaged"}, contents(t, m)))
	put(t, m, "a")
	require.Empty(t, cmp.Diff([]string{"b", "damaged", "damaged"}, contents(t, m)), "it is there already")
	require.NoError(t, m.Delete([]blob.ID{a[0], c}))
	put(t, m, "a")
	require.Empty(t, cmp.Diff([]string{"a", "b"}, contents(t, m)))
	require.Empty(t, cmp.Diff([]string{"b", "damaged", "damaged"}, contents(t, m.Crash(nil))))
}

func TestDeletingWhatIsAbsentIsNoChange(t *testing.T) {
	m := blob.NewMemory()
	require.NoError(t, m.Delete([]blob.ID{blob.Sum(blob.Raw, nil)}))
	put(t, m, "a")
	require.NoError(t, m.Sync())
	put(t, m, "a")
	require.Zero(t, m.Unsynced())
}

func BenchmarkMemoryPut4KiB(b *testing.B) {
	m, bytes := blob.NewMemory(), make([]byte, 4<<10)
	b.SetBytes(int64(len(bytes)))
	for i := 0; b.Loop(); i++ {
		bytes[0], bytes[1] = byte(i), byte(i>>8)
		_, _ = m.Put(blob.Raw, bytes)
	}
}
