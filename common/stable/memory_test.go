package stable_test

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"dss.example/common/stable"
)

func logOf(t *testing.T, synced, unsynced []string) *stable.Memory {
	t.Helper()
	m := stable.NewMemory()
	for _, r := range synced {
		_, err := m.Append([]byte(r))
		require.NoError(t, err)
	}
	require.NoError(t, m.Sync())
	for _, r := range unsynced {
		_, err := m.Append([]byte(r))
		require.NoError(t, err)
	}
	return m
}

func contents(t *testing.T, m *stable.Memory) []string {
	t.Helper()
	var all []string
	require.NoError(t, m.Replay(func(seq uint64, b []byte, damaged bool) error {
		if damaged {
			b = []byte("damaged")
		}
		all = append(all, fmt.Sprintf("%d %s", seq, b))
		return nil
	}))
	return all
}

func TestCrashKeepsAsManyUnsyncedRecordsAsAsked(t *testing.T) {
	for _, c := range []struct {
		keep int
		want []string
	}{
		{-1, []string{"1 a", "2 b"}},
		{0, []string{"1 a", "2 b"}},
		{1, []string{"1 a", "2 b", "3 c"}},
		{2, []string{"1 a", "2 b", "3 c", "4 d"}},
		{9, []string{"1 a", "2 b", "3 c", "4 d"}},
	} {
		m := logOf(t, []string{"a", "b"}, []string{"c", "d"})
		require.Equal(t, 2, m.Unsynced())
		after := m.Crash(c.keep)
		require.Empty(t, cmp.Diff(c.want, contents(t, after)), "keep %d", c.keep)
		require.Zero(t, after.Unsynced())
		require.EqualValues(t, len(c.want)+1, after.Next())
	}
}

func TestLogThatCrashedIsClosedAndSharesNothingWithTheNext(t *testing.T) {
	m := logOf(t, []string{"a"}, []string{"b"})
	after := m.Crash(1)
	_, err := m.Append([]byte("c"))
	require.ErrorIs(t, err, stable.ErrClosed)
	require.Empty(t, contents(t, m.Crash(9)), "what crashed has nothing left")
	require.Empty(t, cmp.Diff([]string{"1 a", "2 b"}, contents(t, after)))
}

func TestCrashUndoesAnUnsyncedTrim(t *testing.T) {
	m := logOf(t, []string{"a", "b"}, []string{"c"})
	require.NoError(t, m.Trim(3))
	require.Empty(t, cmp.Diff([]string{"3 c"}, contents(t, m)))
	require.Empty(t, cmp.Diff([]string{"1 a", "2 b"}, contents(t, m.Crash(0))))
}

func TestFailedSyncLeavesTheChoiceOfWhatPersisted(t *testing.T) {
	m := logOf(t, []string{"a"}, []string{"b"})
	m.FailSync()
	require.ErrorIs(t, m.Sync(), stable.ErrFailed)
	require.Equal(t, 1, m.Unsynced())
	require.Empty(t, cmp.Diff([]string{"1 a", "2 b"}, contents(t, m.Crash(1))))
}

func TestDamageStaysThroughACrashAndHitsOnlyWhatIsThere(t *testing.T) {
	m := logOf(t, []string{"a", "b", "c"}, nil)
	require.NoError(t, m.Trim(2))
	require.NoError(t, m.Sync())
	require.False(t, m.Damage(1), "trimmed")
	require.False(t, m.Damage(4), "beyond the end")
	require.True(t, m.Damage(2))
	require.Empty(t, cmp.Diff([]string{"2 damaged", "3 c"}, contents(t, m)))
	require.Empty(t, cmp.Diff([]string{"2 damaged", "3 c"}, contents(t, m.Crash(0))))
}

func BenchmarkMemoryAppendSync(b *testing.B) {
	m := stable.NewMemory()
	record := make([]byte, 100)
	b.ReportAllocs()
	for b.Loop() {
		seq, _ := m.Append(record)
		_ = m.Sync()
		_ = m.Trim(seq)
	}
}

func TestRecordsOfAllSizesStayAsTheyWereWritten(t *testing.T) {
	m := stable.NewMemory()
	var want [][]byte
	for size := 0; size < 20_000; size = 2*size + 1 {
		for i := range 9 {
			want = append(want, bytes.Repeat([]byte{byte(len(want))}, size+i/8))
			_, err := m.Append(want[len(want)-1])
			require.NoError(t, err)
		}
	}
	require.NoError(t, m.Sync())
	require.NoError(t, m.Trim(4))
	require.True(t, m.Damage(7))
	require.NoError(t, m.Replay(func(seq uint64, record []byte, damaged bool) error {
		require.Equal(t, seq == 7, damaged)
		if !damaged {
			require.Equal(t, want[seq-1], record)
		}
		return nil
	}))
}
