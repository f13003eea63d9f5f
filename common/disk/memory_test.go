package disk_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"dss.example/common/disk"
)

func pending(m *disk.Memory) []string {
	var all []string
	for _, e := range m.Pending() {
		all = append(all, e.String())
	}
	return all
}

// only keeps the effects of these numbers.
func only(numbers ...int) func(int, disk.Effect) bool {
	return func(i int, _ disk.Effect) bool {
		for _, n := range numbers {
			if i == n {
				return true
			}
		}
		return false
	}
}

// after returns the disk that a crash of m leaves, with calls of its own.
func after(m *disk.Memory, kept ...int) disk.FS { return disk.FS{Disk: m.Image(only(kept...))} }

func TestEveryEffectWaitsUntilItsSync(t *testing.T) {
	m, f := fresh()
	file := put(t, f, "a", "text")
	require.NoError(t, f.MakeDir("d"))
	require.NoError(t, f.Rename("a", "b"))
	require.NoError(t, file.Truncate(2))
	require.NoError(t, file.Preallocate(5))
	require.NoError(t, f.Remove("d"))
	require.Empty(t, cmp.Diff([]string{
		"call 1: a is made",
		"call 2: a grows from 0 to 4 bytes",
		"call 2: bytes 0 to 4 of a",
		"call 3: d is made",
		"call 4: a becomes b",
		"call 5: a is cut to 2 bytes",
		"call 6: a grows from 2 to 5 bytes",
		"call 7: d is removed",
	}, pending(m)))
	require.NoError(t, f.SyncDir("."))
	require.Empty(t, cmp.Diff([]string{
		"call 2: a grows from 0 to 4 bytes",
		"call 2: bytes 0 to 4 of a",
		"call 5: a is cut to 2 bytes",
		"call 6: a grows from 2 to 5 bytes",
	}, pending(m)))
	require.NoError(t, file.Sync())
	require.Empty(t, pending(m))
	holds(t, after(m), "b", "te\x00\x00\x00")
}

func TestAWriteIsCutAtSectorsIntoPieces(t *testing.T) {
	m, f := fresh()
	file := put(t, f, "a", strings.Repeat("-", 500))
	require.NoError(t, file.Sync())
	require.NoError(t, f.SyncDir("."))
	_, err := file.WriteAt([]byte(strings.Repeat("x", 100)), 450)
	require.NoError(t, err)
	require.Empty(t, cmp.Diff([]string{
		"call 5: a grows from 500 to 550 bytes", "call 5: bytes 450 to 512 of a", "call 5: bytes 512 to 550 of a",
	}, pending(m)))
	holds(t, after(m, 0, 2), "a", strings.Repeat("-", 500)+strings.Repeat("\x00", 12)+strings.Repeat("x", 38))
	require.NoError(t, file.Sync())
	_, err = file.WriteAt(make([]byte, 7*disk.Sector), 100)
	require.NoError(t, err)
	require.Empty(t, cmp.Diff([]string{
		"call 7: a grows from 550 to 3684 bytes",
		"call 7: bytes 100 to 1024 of a", "call 7: bytes 1024 to 2048 of a",
		"call 7: bytes 2048 to 3072 of a", "call 7: bytes 3072 to 3684 of a",
	}, pending(m)))
	require.NoError(t, file.Sync())
	m.SetPieces(1)
	_, err = file.WriteAt(make([]byte, 7*disk.Sector), 100)
	require.NoError(t, err)
	require.Len(t, pending(m), 1)
}

func TestBytesBehindTheEndThatNeverGrewAreNotSeen(t *testing.T) {
	m, f := fresh()
	file := put(t, f, "a", "")
	require.NoError(t, f.SyncDir("."))
	_, err := file.WriteAt([]byte("text"), 0)
	require.NoError(t, err)
	holds(t, after(m, 1), "a", "")
	holds(t, after(m, 0), "a", "\x00\x00\x00\x00")
	holds(t, after(m, 0, 1), "a", "text")
	grown := after(m, 1) // and they do not show up later
	again, err := grown.Open("a")
	require.NoError(t, err)
	require.NoError(t, again.Preallocate(4))
	holds(t, grown, "a", "\x00\x00\x00\x00")
}

func TestASyncedFileIsLostWithAnUnsyncedName(t *testing.T) {
	m, f := fresh()
	require.NoError(t, put(t, f, "a", "text").Sync())
	lists(t, after(m), ".")
	holds(t, after(m, 0), "a", "text")
	require.NoError(t, f.SyncDir("."))
	holds(t, after(m), "a", "text")
}

func TestARenameIsKeptWholeOrDroppedWhole(t *testing.T) {
	m, f := fresh()
	require.NoError(t, put(t, f, "a", "old").Sync())
	require.NoError(t, f.SyncDir("."))
	require.NoError(t, put(t, f, "b", "new").Sync())
	require.NoError(t, f.Rename("b", "a"))
	lists(t, after(m), ".", "a")
	holds(t, after(m), "a", "old")
	lists(t, after(m, 0), ".", "a", "b")
	lists(t, after(m, 1), ".", "a") // without the name it had before
	holds(t, after(m, 1), "a", "new")
	holds(t, after(m, 0, 1), "a", "new")
}

func TestARenameBetweenDirectoriesWaitsForBoth(t *testing.T) {
	for _, order := range [][]string{{"d", "e"}, {"e", "d"}} {
		m, f := fresh()
		require.NoError(t, f.MakeAll("d"))
		require.NoError(t, f.MakeAll("e"))
		put(t, f, "d/a", "")
		require.NoError(t, f.SyncDir("d"))
		require.NoError(t, f.Rename("d/a", "e/a"))
		for _, dir := range order {
			require.Equal(t, []string{"call 9: d/a becomes e/a"}, pending(m), dir)
			lists(t, after(m), "d", "a")
			lists(t, after(m, 0), "d")
			require.NoError(t, f.SyncDir(dir))
		}
		require.Empty(t, pending(m))
		lists(t, after(m), "e", "a")
	}
}

func TestAFileNeverHasTwoNames(t *testing.T) {
	m, f := fresh()
	put(t, f, "a", "")
	require.NoError(t, f.SyncDir("."))
	require.NoError(t, f.Rename("a", "b"))
	require.NoError(t, f.Rename("b", "c"))
	lists(t, after(m), ".", "a")
	lists(t, after(m, 0), ".", "b")
	lists(t, after(m, 1), ".", "c")
}

func TestALaterSyncedWriteStandsOverAnEarlierOneThatIsKept(t *testing.T) {
	m, f := fresh()
	file := put(t, f, "a", "one")
	require.NoError(t, f.SyncDir("."))
	m.Inject(disk.FailAt(disk.IO, m.Stats().Calls+1))
	require.ErrorIs(t, file.Sync(), disk.IO)
	_, err := file.WriteAt([]byte("two"), 0)
	require.NoError(t, err)
	require.NoError(t, file.Sync())
	holds(t, after(m, 0, 1), "a", "two")
	holds(t, after(m, 0), "a", "two")
}

func TestWhatAFailedSyncLeftIsNeverMadeDurableByALaterOne(t *testing.T) {
	m, f := fresh()
	file := put(t, f, "a", "text")
	m.Inject(disk.FailAt(disk.IO, 3, 4))
	require.ErrorIs(t, file.Sync(), disk.IO)
	require.ErrorIs(t, f.SyncDir("."), disk.IO)
	require.NoError(t, file.Sync())
	require.NoError(t, f.SyncDir("."))
	holds(t, f, "a", "text")
	require.Len(t, pending(m), 3)
	lists(t, after(m), ".")
	holds(t, after(m, 0), "a", "")
	holds(t, after(m, 0, 1, 2), "a", "text") // or it was written after all
	require.Empty(t, cmp.Diff(disk.Stats{Calls: 10, Failed: 2, FailedSyncs: 2}, m.Stats()))
}

func TestACrashedDiskIsDeadAndLeavesAnyOfItsStates(t *testing.T) {
	m, f := fresh()
	put(t, f, "a", strings.Repeat("x", 1024))
	first := m.Crash(only(0, 1, 2))
	_, err := f.Open("a")
	require.ErrorIs(t, err, disk.Dead)
	second := m.Crash(disk.KeepNone)
	require.Zero(t, second.Stats())
	holds(t, disk.FS{Disk: first}, "a", strings.Repeat("x", 512)+strings.Repeat("\x00", 512))
	lists(t, disk.FS{Disk: second}, ".")
	require.Empty(t, first.Pending())
	require.Equal(t, disk.Stats{Calls: 2, Crashes: 2, Lost: 5, Torn: 1}, m.Stats())
}

func TestAnImageLeavesItsDiskAlone(t *testing.T) {
	m, f := fresh()
	file := put(t, f, "a", "text")
	image := disk.FS{Disk: m.Image(disk.KeepAll)}
	copied, err := image.Open("a")
	require.NoError(t, err)
	_, err = copied.WriteAt([]byte("T"), 0)
	require.NoError(t, err)
	_, err = file.WriteAt([]byte("!"), 4)
	require.NoError(t, err)
	require.NoError(t, file.Sync())
	require.NoError(t, f.SyncDir("."))
	holds(t, image, "a", "Text")
	holds(t, f, "a", "text!")
	holds(t, after(m), "a", "text!")
}

func TestAKilledProcessLosesItsFilesAndLocksOnly(t *testing.T) {
	m, f := fresh()
	_, err := f.Lock("lock")
	require.NoError(t, err)
	file := put(t, f, "gone", "text")
	require.NoError(t, f.Remove("gone"))
	next := m.Kill()
	_, err = file.Size()
	require.ErrorIs(t, err, disk.Dead)
	f = disk.FS{Disk: next}
	lists(t, f, ".", "lock")
	_, err = f.Lock("lock")
	require.NoError(t, err)
	require.Len(t, next.Pending(), 5) // still not durable
	lists(t, after(next), ".")
}

func TestHandlesAndNamesAreBounded(t *testing.T) {
	m, f := fresh()
	put(t, f, "a", "")
	for range disk.MaxHandles - 1 {
		require.Equal(t, disk.OK, m.Do(disk.Call{Op: disk.Open, Name: "a"}).Code)
	}
	require.Equal(t, disk.Result{Code: disk.TooMany}, m.Do(disk.Call{Op: disk.Open, Name: "a"}))
	require.Equal(t, disk.OK, m.Do(disk.Call{Op: disk.Close, File: 7}).Code)
	require.Equal(t, disk.OK, m.Do(disk.Call{Op: disk.Open, Name: "a"}).Code)

	m, f = fresh()
	for n := range disk.MaxNames {
		require.Equal(t, disk.OK, m.Do(disk.Call{Op: disk.MakeDir, Name: fmt.Sprint("d", n)}).Code)
	}
	names, err := f.List(".")
	require.NoError(t, err)
	require.Len(t, names, disk.MaxNames)
	require.NoError(t, f.MakeDir("more"))
	_, err = f.List(".")
	require.ErrorIs(t, err, disk.TooMany)
}

func TestTheOldestEffectsBecomeDurableWhenTooManyWait(t *testing.T) {
	m, f := fresh()
	file := put(t, f, "a", "")
	for n := range disk.MaxPending + 10 {
		_, err := file.WriteAt([]byte{byte(n)}, 0)
		require.NoError(t, err)
	}
	require.Len(t, m.Pending(), disk.MaxPending)
	holds(t, after(m), "a", "\x09")
}

func TestRemovedFilesLeaveNothingBehind(t *testing.T) {
	m, f := fresh()
	for range 100 {
		require.NoError(t, f.Replace("a", make([]byte, 600)))
	}
	file := put(t, f, "b", "never synced")
	require.NoError(t, f.Remove("b"))
	require.NoError(t, file.Close())
	require.NoError(t, f.SyncDir("."))
	require.Empty(t, pending(m))
}

func TestSumTellsDisksApartByNamesAndContents(t *testing.T) {
	seen := map[[32]byte]string{}
	add := func(what string, build func(f disk.FS, m *disk.Memory)) {
		m, f := fresh()
		build(f, m)
		require.NotContains(t, seen, m.Sum(), what)
		seen[m.Sum()] = what
	}
	add("empty", func(disk.FS, *disk.Memory) {})
	add("a file", func(f disk.FS, _ *disk.Memory) { put(t, f, "a", "") })
	add("another", func(f disk.FS, _ *disk.Memory) { put(t, f, "b", "") })
	add("a directory", func(f disk.FS, _ *disk.Memory) { require.NoError(t, f.MakeDir("a")) })
	add("with a file", func(f disk.FS, _ *disk.Memory) { require.NoError(t, f.MakeDir("a")); put(t, f, "a/b", "") })
	add("a text", func(f disk.FS, _ *disk.Memory) { put(t, f, "a", "text") })
	add("a longer one", func(f disk.FS, _ *disk.Memory) { put(t, f, "a", "text\x00") })
	add("two files", func(f disk.FS, _ *disk.Memory) { put(t, f, "a", ""); put(t, f, "b", "") })
	m, f := fresh()
	require.NoError(t, put(t, f, "a", "text").Preallocate(5)) // zeros that nobody has written
	require.Equal(t, "a longer one", seen[m.Sum()])
}

// Whatever was done, a crash that keeps everything leaves what was seen, and so does any
// crash when all has been synced.
func TestKeepingAllLeavesWhatWasSeen(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := disk.NewMemory()
		f := disk.FS{Disk: m}
		names := rapid.SampledFrom([]string{"a", "b", "d", "d/a", "e"})
		for range rapid.IntRange(1, 30).Draw(t, "steps") {
			name, other := names.Draw(t, "name"), names.Draw(t, "other")
			switch rapid.IntRange(0, 7).Draw(t, "step") {
			case 0:
				_ = f.MakeDir(name)
			case 1, 2:
				if file, err := f.Lock(name); err == nil {
					size, _ := file.Size()
					_, _ = file.WriteAt(make([]byte, rapid.IntRange(0, 2000).Draw(t, "bytes")), size)
					_ = file.Close()
				}
			case 3:
				_ = f.Remove(name)
			case 4:
				_ = f.Rename(name, other)
			case 5:
				if file, err := f.Open(name); err == nil {
					_ = file.Truncate(rapid.Int64Range(0, 2000).Draw(t, "size"))
					_ = file.Close()
				}
			case 6:
				_ = f.Replace(name, []byte(other))
			default:
				syncAll(f, ".")
				require.Empty(t, m.Pending())
			}
			require.Equal(t, m.Sum(), m.Image(disk.KeepAll).Sum())
			if len(m.Pending()) == 0 {
				require.Equal(t, m.Sum(), m.Image(disk.KeepNone).Sum())
			}
		}
		syncAll(f, ".")
		require.Empty(t, m.Pending())
		require.Equal(t, m.Sum(), m.Crash(disk.KeepNone).Sum())
	})
}

func syncAll(f disk.FS, dir string) {
	names, _ := f.List(dir)
	for _, name := range names {
		path := strings.TrimPrefix(dir+"/"+strings.TrimSuffix(name, "/"), "./")
		if strings.HasSuffix(name, "/") {
			syncAll(f, path)
			continue
		}
		file, _ := f.Open(path)
		_ = file.Sync()
		_ = file.Close()
	}
	_ = f.SyncDir(dir)
}
