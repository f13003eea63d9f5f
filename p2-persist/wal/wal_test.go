package wal_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"dss.example/common/disk"
	"dss.example/common/stable"
	"dss.example/p2-persist/segment"
	"dss.example/p2-persist/wal"
)

func TestASyncIsOneWriteAndOneSync(t *testing.T) {
	m := disk.NewMemory()
	l, _ := open(t, m, wal.Options{})
	var ops []disk.Op
	m.Inject(func(_ int, c disk.Call) disk.Fault { ops = append(ops, c.Op); return disk.Fault{} })
	add(t, l, "a", "b", "c")
	require.NoError(t, l.Trim(2))
	require.NoError(t, l.Sync())
	require.Equal(t, []disk.Op{disk.Write, disk.Sync}, ops)
	require.NoError(t, l.Sync())
	require.Len(t, ops, 2, "there was nothing to sync")
}

func TestSegmentsRotateAndTrimRemovesWhatHoldsNothing(t *testing.T) {
	m := disk.NewMemory()
	l, _ := open(t, m, tiny)
	for i := range 9 {
		add(t, l, fmt.Sprintf("%60d", i))
	}
	names := func(firsts ...int) (all []string) {
		for _, first := range firsts {
			all = append(all, fmt.Sprintf("%020d.wal", first))
		}
		return all
	}
	require.Equal(t, names(1, 3, 5, 7, 9), files(t, m))
	require.NoError(t, l.Trim(6))
	require.Equal(t, names(1, 3, 5, 7, 9), files(t, m), "not before it is durable")
	require.NoError(t, l.Sync())
	require.Equal(t, names(5, 7, 9), files(t, m))
	require.NoError(t, l.Trim(10))
	require.NoError(t, l.Sync())
	require.Equal(t, names(9), files(t, m))
	require.NoError(t, l.Close())
	l, r := open(t, m, tiny)
	require.Empty(t, cmp.Diff(wal.Report{Segments: 1, First: 10, Next: 10}, r))
	holds(t, l, "next 10")
}

func TestARecordLargerThanASegmentGetsALargerOne(t *testing.T) {
	m := disk.NewMemory()
	l, _ := open(t, m, tiny)
	require.NoError(t, l.Trim(1))
	large := strings.Repeat("x", stable.MaxRecord)
	add(t, l, large, "a", large, "b")
	require.NoError(t, l.Sync())
	require.Len(t, files(t, m), 4)
	l, _ = open(t, m.Crash(disk.KeepNone), tiny)
	holds(t, l, "1 "+large, "2 a", "3 "+large, "4 b", "next 5")
}

func TestATrimSurvivesTheReplacementOfAnEmptySegment(t *testing.T) {
	m := disk.NewMemory()
	l, _ := open(t, m, tiny)
	add(t, l, "a", "b")
	require.NoError(t, l.Trim(3))
	require.NoError(t, l.Sync())
	add(t, l, strings.Repeat("x", 150))
	l, _ = open(t, m.Crash(disk.KeepNone), tiny)
	holds(t, l, "next 3")
	for range 20 { // notes alone fill a segment, which is empty then
		add(t, l, "c")
		require.NoError(t, l.Trim(l.Next()))
		require.NoError(t, l.Sync())
	}
	l, _ = open(t, m.Crash(disk.KeepNone), tiny)
	holds(t, l, "next 3")
}

func TestTwoCannotOpenOneLog(t *testing.T) {
	m := disk.NewMemory()
	l, _ := open(t, m, tiny)
	_, _, err := wal.Open(disk.FS{Disk: m}, dir, tiny)
	require.ErrorIs(t, err, wal.ErrLocked)
	require.ErrorIs(t, err, disk.Locked)
	add(t, l, "a")
	require.NoError(t, l.Sync(), "the first is not disturbed")
	require.NoError(t, l.Close())
	open(t, m, tiny)
}

func TestAnOpenThatFailsLeavesNothingOpen(t *testing.T) {
	m := disk.NewMemory()
	l, _ := open(t, m, tiny)
	add(t, l, "a")
	require.NoError(t, l.Sync())
	require.NoError(t, l.Close())
	for call := 1; ; call++ {
		start := m.Stats().Calls
		m.Inject(disk.FailAt(disk.IO, start+call))
		l, _, err := wal.Open(disk.FS{Disk: m}, dir, tiny)
		m.Inject(nil)
		if m.Stats().Calls < start+call {
			require.NoError(t, err)
			holds(t, l, "1 a", "next 2")
			return
		}
		require.ErrorIs(t, err, disk.IO)
		l, _ = open(t, m, tiny)
		require.NoError(t, l.Close())
	}
}

func TestSegmentSizesOutOfRangeAreRefused(t *testing.T) {
	for _, size := range []int64{-1, wal.MinSegment - 1, segment.MaxSize + 1} {
		_, _, err := wal.Open(disk.FS{Disk: disk.NewMemory()}, dir, wal.Options{SegmentSize: size})
		require.ErrorIs(t, err, wal.ErrOptions)
	}
}

func TestFilesThatAreNoSegmentsAreLeftAlone(t *testing.T) {
	m := disk.NewMemory()
	fs := disk.FS{Disk: m}
	l, _ := open(t, m, tiny)
	add(t, l, "a")
	require.NoError(t, l.Sync())
	require.NoError(t, l.Close())
	strangers := []string{
		"1.wal", "00000000000000000000.wal", "-0000000000000000001.wal", "+0000000000000000002.wal",
		"0000000000000000000x.wal", "99999999999999999999.wal", "00000000000000000002.WAL", "00000000000000000002.wal~",
	}
	for _, name := range strangers {
		require.NoError(t, fs.Replace(dir+"/"+name, []byte(name)))
	}
	require.NoError(t, fs.MakeDir(dir+"/00000000000000000003.wal"))
	l, r := open(t, m, tiny)
	require.Empty(t, cmp.Diff(wal.Report{Segments: 1, First: 1, Next: 2}, r))
	holds(t, l, "1 a", "next 2")
	for _, name := range strangers {
		b, err := fs.ReadFile(dir+"/"+name, 100)
		require.NoError(t, err)
		require.Equal(t, name, string(b))
	}
}
