package disk_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"dss.example/common/disk"
	"dss.example/common/disk/crash"
)

func fresh() (*disk.Memory, disk.FS) {
	m := disk.NewMemory()
	return m, disk.FS{Disk: m}
}

func put(t *testing.T, f disk.FS, name, text string) *disk.File {
	t.Helper()
	file, err := f.Create(name)
	require.NoError(t, err)
	_, err = file.WriteAt([]byte(text), 0)
	require.NoError(t, err)
	return file
}

func holds(t *testing.T, f disk.FS, name, want string) {
	t.Helper()
	b, err := f.ReadFile(name, 1<<20)
	require.NoError(t, err)
	require.Equal(t, want, string(b))
}

func lists(t *testing.T, f disk.FS, dir string, want ...string) {
	t.Helper()
	names, err := f.List(dir)
	require.NoError(t, err)
	require.Empty(t, cmp.Diff(want, names))
}

func TestErrorsNameTheCallAndUnwrapToTheCode(t *testing.T) {
	_, f := fresh()
	_, err := f.Open("none")
	require.ErrorIs(t, err, disk.NotFound)
	require.EqualError(t, err, `open "none": no such name`)
	require.ErrorIs(t, f.Remove("none"), disk.NotFound)
	require.ErrorIs(t, f.SyncDir("none"), disk.NotFound)
	_, err = f.List("none")
	require.ErrorIs(t, err, disk.NotFound)
	file := put(t, f, "a", "text")
	_, err = f.Create("a")
	require.ErrorIs(t, err, disk.Exists)
	require.NoError(t, file.Close())
	require.EqualError(t, file.Close(), `close "a": file is not open`)
}

func TestABadNameIsRefusedWithItsReason(t *testing.T) {
	_, f := fresh()
	_, err := f.Open("../a")
	require.ErrorIs(t, err, disk.BadName)
	require.ErrorContains(t, err, "dots only")
	err = f.Rename("a", "b ")
	require.ErrorIs(t, err, disk.BadName)
	require.ErrorContains(t, err, "dot or a space")
	require.ErrorIs(t, f.MakeAll("a/../b"), disk.BadName)
	require.ErrorIs(t, f.Replace("a:b", nil), disk.BadName)
}

func TestReadAtIsAReaderAt(t *testing.T) {
	_, f := fresh()
	file := put(t, f, "a", "0123456789")
	require.NoError(t, iotest.TestReader(io.NewSectionReader(file, 0, 10), []byte("0123456789")))
	b := make([]byte, 4)
	n, err := file.ReadAt(b, 6)
	require.NoError(t, err)
	require.Equal(t, 4, n)
	n, err = file.ReadAt(b, 7)
	require.Equal(t, io.EOF, err)
	require.Equal(t, "789", string(b[:n]))
	n, err = file.ReadAt(b, 10)
	require.Equal(t, io.EOF, err)
	require.Zero(t, n)
	_, err = file.ReadAt(b, -1)
	require.ErrorIs(t, err, disk.BadCall)
}

func TestReadFullReadsAllOrSaysThatTheFileEnds(t *testing.T) {
	_, f := fresh()
	file := put(t, f, "a", "0123456789")
	b, err := file.ReadFull(2, 8)
	require.NoError(t, err)
	require.Equal(t, "23456789", string(b))
	_, err = file.ReadFull(2, 9)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	require.ErrorContains(t, err, `"a"`)
	_, err = file.ReadFull(0, disk.MaxData+1)
	require.ErrorIs(t, err, disk.BadCall)
}

func TestMoreThanMaxDataGoesInSeveralCalls(t *testing.T) {
	m, f := fresh()
	long := bytes.Repeat([]byte("0123456789abcdef"), disk.MaxData/16+5)
	require.NoError(t, f.Replace("a", long))
	b, err := f.ReadFile("a", len(long))
	require.NoError(t, err)
	require.True(t, bytes.Equal(long, b))
	require.Equal(t, 12, m.Stats().Calls) // two writes and two reads among them
}

func TestReadFileRefusesMoreThanItsCallerWants(t *testing.T) {
	_, f := fresh()
	put(t, f, "a", "0123456789")
	_, err := f.ReadFile("a", 9)
	require.ErrorIs(t, err, disk.ErrTooLarge)
	b, err := f.ReadFile("a", 10)
	require.NoError(t, err)
	require.Len(t, b, 10)
}

func TestAWriteThatIsCutShortTellsHowMuchWasWritten(t *testing.T) {
	m, f := fresh()
	m.SetCapacity(6)
	file, err := f.Create("a")
	require.NoError(t, err)
	n, err := file.WriteAt([]byte("0123456789"), 0)
	require.ErrorIs(t, err, disk.NoSpace)
	require.Equal(t, 6, n)
	require.ErrorIs(t, file.Preallocate(7), disk.NoSpace)
	require.Equal(t, 2, m.Stats().Full)
}

// stuck is a disk whose writes say OK and get nowhere, or too far.
type stuck struct {
	disk.Disk
	size int64
}

func (s stuck) Do(c disk.Call) disk.Result {
	if c.Op == disk.Write {
		return disk.Result{Size: s.size}
	}
	return s.Disk.Do(c)
}

func TestAWriteThatGetsNowhereIsAnError(t *testing.T) {
	for _, size := range []int64{0, -1, 100} {
		m, _ := fresh()
		file, err := disk.FS{Disk: stuck{m, size}}.Create("a")
		require.NoError(t, err)
		_, err = file.WriteAt([]byte("text"), 0)
		require.ErrorIs(t, err, disk.IO)
	}
}

// halves is a disk that writes at most three bytes at once.
type halves struct{ disk.Disk }

func (h halves) Do(c disk.Call) disk.Result {
	c.Data = c.Data[:min(len(c.Data), 3)]
	return h.Disk.Do(c)
}

func TestAShortWriteIsContinued(t *testing.T) {
	m, f := fresh()
	require.NoError(t, disk.FS{Disk: halves{m}}.Replace("a", []byte("0123456789")))
	holds(t, f, "a", "0123456789")
}

func TestExistsTellsFilesAndDirectoriesFromNothing(t *testing.T) {
	m, f := fresh()
	put(t, f, "a", "")
	require.NoError(t, f.MakeDir("d"))
	for name, want := range map[string]bool{"a": true, "d": true, ".": true, "b": false, "a/b": false, "d/b": false} {
		got, err := f.Exists(name)
		require.NoError(t, err)
		require.Equal(t, want, got, name)
	}
	m.Inject(disk.FailAt(disk.IO, m.Stats().Calls+1))
	_, err := f.Exists("a")
	require.ErrorIs(t, err, disk.IO)
}

func TestMakeAllMakesEveryDirectoryDurable(t *testing.T) {
	m, f := fresh()
	require.NoError(t, f.MakeDir("a")) // by one who was killed before it synced
	require.NoError(t, f.MakeAll("a/b/c"))
	require.NoError(t, f.MakeAll("."))
	require.Empty(t, m.Pending())
	after := disk.FS{Disk: m.Crash(disk.KeepNone)}
	lists(t, after, "a/b", "c/")
	require.NoError(t, after.MakeAll("a/b/c"))
	put(t, after, "a/f", "")
	require.ErrorIs(t, after.MakeAll("a/f"), disk.WrongKind)
	require.ErrorIs(t, after.MakeAll("a/f/g"), disk.NotFound)
}

func TestReplaceLeavesNoFileBehindWhenItFails(t *testing.T) {
	for _, code := range []disk.Code{disk.IO, disk.NoSpace} {
		for call := 1; call <= 5; call++ { // create, write, sync, close, rename
			m, f := fresh()
			require.NoError(t, f.Replace("a", []byte("old")))
			m.Inject(disk.FailAt(code, m.Stats().Calls+call))
			require.ErrorIs(t, f.Replace("a", []byte("new one")), code, call)
			holds(t, f, "a", "old")
			lists(t, f, ".", "a")
		}
	}
}

func TestReplaceTellsThatItsLastSyncFailed(t *testing.T) {
	m, f := fresh()
	m.Inject(disk.FailAt(disk.IO, 6))
	require.ErrorIs(t, f.Replace("a", []byte("new")), disk.IO)
	holds(t, f, "a", "new")
	_, err := disk.FS{Disk: m.Crash(disk.KeepNone)}.Open("a")
	require.ErrorIs(t, err, disk.NotFound)
}

func TestWhatACrashedReplaceLeftIsRemoved(t *testing.T) {
	m, f := fresh()
	require.NoError(t, f.MakeAll("d"))
	require.NoError(t, f.Replace("d/a", []byte("old")))
	require.NoError(t, f.MakeDir("d/~dir"))
	m.Inject(disk.CrashAt(m.Stats().Calls + 4))
	require.ErrorIs(t, f.Replace("d/a", []byte("new")), disk.Dead)
	after := disk.FS{Disk: m.Crash(disk.KeepAll)}
	lists(t, after, "d", "a", "~0", "~dir/")
	require.NoError(t, after.Replace("d/a", []byte("newer"))) // though the name ~0 is taken
	require.NoError(t, after.RemoveTemps("d"))
	lists(t, after, "d", "a", "~dir/")
	holds(t, after, "d/a", "newer")
}

func TestReplaceTriesABoundedNumberOfNames(t *testing.T) {
	_, f := fresh()
	for n := range 64 {
		put(t, f, fmt.Sprint("~", n), "")
	}
	require.ErrorIs(t, f.Replace("a", nil), disk.Exists)
	require.NoError(t, f.Remove("~63"))
	require.NoError(t, f.Replace("a", nil))
}

func TestReplaceSurvivesEveryCrashAndEveryFailure(t *testing.T) {
	s := crash.Scenario{
		Run: func(d disk.Disk, ack func(int)) error {
			f := disk.FS{Disk: d}
			err := f.MakeAll("x/y")
			if err == nil {
				err = f.Replace("x/y/a", bytes.Repeat([]byte("a"), 3000))
			}
			if err == nil {
				ack(1)
			}
			return err
		},
		Check: func(d disk.Disk, acked int) error {
			b, err := disk.FS{Disk: d}.ReadFile("x/y/a", 5000)
			if acked == 0 && errors.Is(err, disk.NotFound) {
				return nil
			}
			if err == nil && len(b) != 3000 {
				err = errors.New("the file was cut short")
			}
			return err
		},
	}
	_, err := crash.Explore(s, crash.Options{Depth: 2})
	require.NoError(t, err)
	_, err = crash.FailEach(s, crash.Options{Pairs: 200})
	require.NoError(t, err)
}
