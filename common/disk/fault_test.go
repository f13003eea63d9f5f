package disk_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"dss.example/common/disk"
)

func TestAMachineThatStopsInACallHasPartOfItToLose(t *testing.T) {
	m, f := fresh()
	file := put(t, f, "a", "")
	require.NoError(t, f.SyncDir("."))
	m.Inject(disk.CrashAt(3))
	_, err := file.WriteAt(make([]byte, 2*disk.Sector), 0)
	require.ErrorIs(t, err, disk.Dead)
	require.Len(t, m.Pending(), 3)
	require.ErrorIs(t, file.Sync(), disk.Dead)

	m, f = fresh()
	file = put(t, f, "a", "text")
	m.Inject(disk.CrashAt(3))
	require.ErrorIs(t, file.Sync(), disk.Dead)
	require.Len(t, m.Pending(), 3)
	require.Equal(t, 1, m.Stats().Crashes)
}

func TestFailuresOnDemandDoWhatTheySay(t *testing.T) {
	for _, c := range []struct {
		name  string
		fault disk.Fault
		call  func(f disk.FS, file *disk.File) error
		want  string // of file a behind it
		names []string
		stats disk.Stats
	}{
		{
			"half a write",
			disk.Fault{Code: disk.NoSpace, Part: 2},
			func(_ disk.FS, file *disk.File) error { _, err := file.WriteAt([]byte("1234"), 0); return err },
			"12xt",
			[]string{"a"},
			disk.Stats{Failed: 1, ShortWrites: 1},
		},
		{
			"a write that was done",
			disk.Fault{Code: disk.IO, Done: true},
			func(_ disk.FS, file *disk.File) error { _, err := file.WriteAt([]byte("1234"), 0); return err },
			"1234",
			[]string{"a"},
			disk.Stats{Failed: 1},
		},
		{
			"a read",
			disk.Fault{Code: disk.IO},
			func(_ disk.FS, file *disk.File) error { _, err := file.ReadFull(0, 1); return err },
			"text",
			[]string{"a"},
			disk.Stats{Failed: 1},
		},
		{
			"a rename that was not done",
			disk.Fault{Code: disk.IO},
			func(f disk.FS, _ *disk.File) error { return f.Rename("a", "b") },
			"text",
			[]string{"a"},
			disk.Stats{Failed: 1},
		},
		{
			"a rename that was done",
			disk.Fault{Code: disk.IO, Done: true},
			func(f disk.FS, _ *disk.File) error { return f.Rename("a", "b") },
			"",
			[]string{"b"},
			disk.Stats{Failed: 1},
		},
		{
			"a lock that nobody learns of",
			disk.Fault{Code: disk.IO, Done: true},
			func(f disk.FS, _ *disk.File) error { _, err := f.Lock("b"); return err },
			"text",
			[]string{"a", "b"},
			disk.Stats{Failed: 1},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, f := fresh()
			file := put(t, f, "a", "text")
			m.Inject(func(n int, _ disk.Call) disk.Fault {
				if n == 3 {
					return c.fault
				}
				return disk.Fault{}
			})
			require.ErrorIs(t, c.call(f, file), c.fault.Code)
			stats := m.Stats()
			stats.Calls = 0
			require.Empty(t, cmp.Diff(c.stats, stats))
			lists(t, f, ".", c.names...)
			if c.want != "" {
				holds(t, f, "a", c.want)
			}
			_, err := f.Lock("b")
			require.NoError(t, err)
		})
	}
}

func TestACloseThatFailsHasClosed(t *testing.T) {
	m, f := fresh()
	file, err := f.Lock("a")
	require.NoError(t, err)
	m.Inject(disk.FailAt(disk.IO, 2))
	require.ErrorIs(t, file.Close(), disk.IO)
	require.ErrorIs(t, file.Close(), disk.BadHandle)
	_, err = f.Lock("a")
	require.NoError(t, err)
}

func TestAFlippedBitIsSeenAndKept(t *testing.T) {
	m, f := fresh()
	file := put(t, f, "a", "text")
	require.NoError(t, f.SyncDir("."))
	require.True(t, m.Flip("a", 0, 5))
	require.False(t, m.Flip("a", 4, 0))
	require.False(t, m.Flip("a", -1, 0))
	require.False(t, m.Flip("none", 0, 0))
	require.False(t, m.Flip(".", 0, 0))
	holds(t, f, "a", "Text")
	holds(t, after(m, 0, 1), "a", "Text")
	require.NoError(t, file.Preallocate(6))
	require.True(t, m.Flip("a", 5, 0))
	require.NoError(t, file.Sync())
	holds(t, after(m), "a", "Text\x00\x01")
	require.Equal(t, 2, m.Stats().Flips)
}

func TestAStrayWriteGoesElsewhereAndSaysOK(t *testing.T) {
	stray := func(s disk.Stray) func(int, disk.Call) disk.Fault {
		return func(int, disk.Call) disk.Fault { return disk.Fault{Stray: &s} }
	}
	for _, c := range []struct {
		to   disk.Stray
		a, b string
		n    int
	}{
		{disk.Stray{Offset: 2}, "aaXX", "bbbb", 1},
		{disk.Stray{Offset: 6}, "aaaa\x00\x00XX", "bbbb", 1},
		{disk.Stray{Name: "b", Offset: 1}, "aaaa", "bXXb", 1},
		{disk.Stray{Name: "none"}, "XXaa", "bbbb", 0},
		{disk.Stray{Offset: -1}, "XXaa", "bbbb", 0},
		{disk.Stray{Offset: 1 << 62}, "XXaa", "bbbb", 0},
	} {
		m, f := fresh()
		file := put(t, f, "a", "aaaa")
		put(t, f, "b", "bbbb")
		m.Inject(stray(c.to))
		_, err := file.WriteAt([]byte("XX"), 0)
		require.NoError(t, err)
		m.Inject(nil)
		holds(t, f, "a", c.a)
		holds(t, f, "b", c.b)
		require.Equal(t, c.n, m.Stats().Strays)
	}
}

func TestCapacityCountsBytesAndComesBack(t *testing.T) {
	m, f := fresh()
	m.SetCapacity(10)
	a := put(t, f, "a", "0123456789")
	b := put(t, f, "b", "")
	full := func(want error) {
		t.Helper()
		_, err := b.WriteAt([]byte("x"), 0)
		require.ErrorIs(t, err, want)
		require.NoError(t, b.Truncate(0))
	}
	full(disk.NoSpace)
	_, err := a.WriteAt([]byte("9876543210"), 0) // over what is there
	require.NoError(t, err)
	require.NoError(t, a.Truncate(9))
	full(nil)
	require.NoError(t, a.Preallocate(10))
	require.NoError(t, f.Remove("a"))
	full(disk.NoSpace) // it is open still
	require.NoError(t, a.Close())
	full(nil)
	require.NoError(t, put(t, f, "c", "0123456789").Close())
	require.NoError(t, f.Rename("b", "c"))
	full(nil)
}
