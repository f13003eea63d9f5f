//go:build unix

package disk_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"dss.example/common/disk"
)

func openDir(t *testing.T, path string) (*disk.Dir, disk.FS) {
	t.Helper()
	d, err := disk.OpenDir(path)
	require.NoError(t, err)
	t.Cleanup(func() { _ = d.Close() })
	return d, disk.FS{Disk: d}
}

func TestADirKeepsItsFilesWhenItIsOpenedAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "not", "there")
	d, f := openDir(t, path)
	require.NoError(t, f.MakeAll("x/y"))
	require.NoError(t, f.Replace("x/y/a", []byte("text")))
	require.NoError(t, d.Close())
	_, f = openDir(t, path)
	holds(t, f, "x/y/a", "text")
	b, err := os.ReadFile(filepath.Join(path, "x/y/a"))
	require.NoError(t, err)
	require.Equal(t, "text", string(b))
}

func TestOpenDirRefusesAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(path, nil, 0o600))
	_, err := disk.OpenDir(path)
	require.ErrorContains(t, err, "not a directory")
	_, err = disk.OpenDir(filepath.Join(path, "below"))
	require.ErrorContains(t, err, "not a directory")
}

func TestAClosedDirIsDeadWithAllItsFiles(t *testing.T) {
	d, f := openDir(t, t.TempDir())
	file := put(t, f, "a", "text")
	_, err := f.Lock("lock")
	require.NoError(t, err)
	require.NoError(t, d.Close())
	require.ErrorIs(t, d.Close(), disk.Dead)
	_, err = file.Size()
	require.ErrorIs(t, err, disk.Dead)
	require.ErrorIs(t, file.Close(), disk.Dead)
	for _, op := range []disk.Op{disk.Open, disk.Create, disk.Lock, disk.Remove, disk.MakeDir, disk.List, disk.SyncDir} {
		require.Equal(t, disk.Result{Code: disk.Dead}, d.Do(disk.Call{Op: op, Name: "x"}), op)
	}
	require.ErrorIs(t, f.Rename("a", "b"), disk.Dead)
}

func TestALockKeepsOutAnotherDirUntilItIsClosed(t *testing.T) {
	path := t.TempDir()
	first, f := openDir(t, path)
	_, g := openDir(t, path)
	_, err := f.Lock("lock")
	require.NoError(t, err)
	_, err = g.Lock("lock")
	require.ErrorIs(t, err, disk.Locked)
	require.NoError(t, first.Close())
	_, err = g.Lock("lock")
	require.NoError(t, err)
}

func TestNoNameLeadsOutThroughASymbolicLink(t *testing.T) {
	outside, path := t.TempDir(), t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(outside, "secret"), []byte("secret"), 0o600))
	d, f := openDir(t, path)
	require.NoError(t, f.Replace("inside", []byte("text")))
	for name, to := range map[string]string{
		"absolute": outside, "file": filepath.Join(outside, "secret"), "up": "../" + filepath.Base(outside),
		"loop": "loop", "dangling": "../nobody", "good": "inside",
	} {
		require.NoError(t, os.Symlink(to, filepath.Join(path, name)))
	}
	for _, name := range []string{"absolute/secret", "up/secret", "file", "loop", "loop/x", "dangling"} {
		for _, op := range []disk.Op{disk.Open, disk.Lock, disk.List, disk.SyncDir} {
			require.Equal(t, disk.Result{Code: disk.BadName}, d.Do(disk.Call{Op: op, Name: name}), "%v %s", op, name)
		}
		require.NotEqual(t, disk.OK, d.Do(disk.Call{Op: disk.Create, Name: name}).Code, name)
	}
	for _, name := range []string{"absolute/new", "up/new"} {
		for _, op := range []disk.Op{disk.Create, disk.MakeDir, disk.Remove} {
			require.Equal(t, disk.Result{Code: disk.BadName}, d.Do(disk.Call{Op: op, Name: name}), "%v %s", op, name)
		}
		require.ErrorIs(t, f.Rename("inside", name), disk.BadName)
	}
	holds(t, f, "good", "text")
	entries, err := os.ReadDir(outside)
	require.NoError(t, err)
	require.Len(t, entries, 1)
}

func TestWhatIsNoFileIsNotOpened(t *testing.T) {
	path := t.TempDir()
	require.NoError(t, syscall.Mkfifo(filepath.Join(path, "pipe"), 0o600))
	_, f := openDir(t, path)
	_, err := f.Open("pipe")
	require.ErrorIs(t, err, disk.WrongKind)
	_, err = f.List("pipe")
	require.ErrorIs(t, err, disk.WrongKind)
	lists(t, f, ".", "pipe")
}

func TestAForeignNameIsListedAsItIs(t *testing.T) {
	path := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(path, "a:b "), nil, 0o600))
	_, f := openDir(t, path)
	lists(t, f, ".", "a:b ")
}

func TestPreallocateReservesWhatItSays(t *testing.T) {
	path := t.TempDir()
	_, f := openDir(t, path)
	file := put(t, f, "a", "text")
	require.NoError(t, file.Preallocate(1<<20))
	info, err := os.Stat(filepath.Join(path, "a"))
	require.NoError(t, err)
	require.Equal(t, int64(1<<20), info.Size())
	require.GreaterOrEqual(t, info.Sys().(*syscall.Stat_t).Blocks, int64(1<<20/512))
}

func TestManyWriteAndSyncDifferentFilesAtOnce(t *testing.T) {
	d, f := openDir(t, t.TempDir())
	var wg sync.WaitGroup
	for w := range 64 {
		wg.Go(func() {
			file, err := f.Create(fmt.Sprint("file", w))
			if err == nil {
				_, err = file.WriteAt([]byte("text"), 0)
			}
			if err == nil && w%8 == 0 {
				err = file.Sync()
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	names, err := f.List(".")
	require.NoError(t, err)
	require.Len(t, names, 64)
	require.NoError(t, d.Close())
}

func TestACloseUnderACallIsAnErrorAndNoRace(t *testing.T) {
	d, f := openDir(t, t.TempDir())
	file := put(t, f, "a", "text")
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for {
				if _, err := file.ReadFull(0, 4); err != nil {
					if !errors.Is(err, disk.BadHandle) && !errors.Is(err, disk.Dead) {
						t.Error(err)
					}
					return
				}
			}
		})
	}
	require.NoError(t, file.Close())
	require.NoError(t, d.Close())
	wg.Wait()
}

// The child of TestCodesOfAFullSystem runs out of what a process may have.
const childVariable = "DISK_TEST_CHILD"

func TestCodesOfAFullSystem(t *testing.T) {
	if path := os.Getenv(childVariable); path != "" {
		runOut(t, path)
		return
	}
	child := exec.Command(os.Args[0], "-test.run=^TestCodesOfAFullSystem$")
	child.Env = append(os.Environ(), childVariable+"="+t.TempDir())
	out, err := child.CombinedOutput()
	require.NoError(t, err, "%s", out)
}

func runOut(t *testing.T, path string) {
	_, f := openDir(t, path)
	file := put(t, f, "a", "")
	limit(t, syscall.RLIMIT_FSIZE, 1000, func() {
		n, err := file.WriteAt(make([]byte, 1500), 0)
		require.ErrorIs(t, err, disk.NoSpace)
		require.Equal(t, 1000, n)
		_, err = file.WriteAt([]byte("x"), 1000)
		require.ErrorIs(t, err, disk.NoSpace)
		require.ErrorIs(t, file.Preallocate(2000), disk.NoSpace)
	})
	limit(t, syscall.RLIMIT_NOFILE, 40, func() {
		var err error
		for err == nil {
			_, err = f.Open("a")
		}
		require.ErrorIs(t, err, disk.TooMany)
	})
}

// limit lowers what this process may have while fn runs.
func limit(t *testing.T, what int, most uint64, fn func()) {
	t.Helper()
	var old syscall.Rlimit
	require.NoError(t, syscall.Getrlimit(what, &old))
	low := old
	low.Cur = most
	require.NoError(t, syscall.Setrlimit(what, &low))
	fn()
	require.NoError(t, syscall.Setrlimit(what, &old))
}
