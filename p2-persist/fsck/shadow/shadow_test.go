package shadow_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"dss.example/common/disk"
	"dss.example/common/disk/disktest"
	"dss.example/p2-persist/fsck/shadow"
)

// of returns a shadow that reads as fast as it can.
func of(t require.TestingT, base disk.Disk) *shadow.Disk {
	d, err := shadow.New(base, func(int) error { return nil })
	require.NoError(t, err)
	return d
}

func TestShadowOfAnEmptyDiskIsADisk(t *testing.T) {
	disktest.Run(t, func(t *testing.T) disk.Disk { return of(t, disk.NewMemory()) })
}

// user makes the same calls to disks that should not differ.
type user struct {
	t     *rapid.T
	disks []disk.Disk
	files [][]disk.Handle // of each disk, those of the same number are the same
}

// name draws one of a few names.
func (u *user) name() string {
	return rapid.SampledFrom([]string{"a", "d/a", "d/b", "e/a", "e", "d"}).Draw(u.t, "name")
}

func (u *user) do(c disk.Call) {
	var first disk.Result
	n := -1
	if len(u.files[0]) > 0 {
		n = rapid.IntRange(0, len(u.files[0])-1).Draw(u.t, "file")
	}
	for i, d := range u.disks {
		if c.File = 0; n >= 0 {
			c.File = u.files[i][n]
		}
		r := d.Do(c)
		if r.File != 0 {
			u.files[i] = append(u.files[i], r.File)
			r.File = 1
		}
		if i == 0 {
			first = r
		}
		require.Equal(u.t, first.Code, r.Code, c)
		require.Equal(u.t, len(first.Data), len(r.Data), c)
		require.Equal(u.t, string(first.Data), string(r.Data), c)
		require.Equal(u.t, first.Size, r.Size, c)
		require.ElementsMatch(u.t, first.Names, r.Names, c)
	}
}

// step draws a call.
func (u *user) step() {
	ops := []disk.Op{
		disk.Open, disk.Create, disk.Lock, disk.Read, disk.Write, disk.Write, disk.Truncate,
		disk.Preallocate, disk.Sync, disk.Stat, disk.Close, disk.Rename, disk.Remove, disk.MakeDir, disk.List, disk.SyncDir,
	}
	c := disk.Call{Op: rapid.SampledFrom(ops).Draw(u.t, "op"), Name: u.name(), To: u.name()}
	c.Offset = int64(rapid.IntRange(0, 9).Draw(u.t, "offset"))
	c.Size = int64(rapid.IntRange(0, 12).Draw(u.t, "size"))
	switch c.Op {
	case disk.List, disk.SyncDir:
		c.Name = rapid.SampledFrom([]string{".", "d", "e"}).Draw(u.t, "dir")
	case disk.Write:
		c.Size, c.Data = 0, []byte("0123456789ab")[:c.Size]
	}
	u.do(c)
}

func TestShadowBehavesAsTheDiskWouldAndLeavesItAsItWas(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		base := disk.NewMemory()
		base.Do(disk.Call{Op: disk.MakeDir, Name: "d"})
		before := &user{t: t, disks: []disk.Disk{base}, files: make([][]disk.Handle, 1)}
		for range rapid.IntRange(0, 30).Draw(t, "before") {
			before.step()
		}
		for _, h := range before.files[0] {
			base.Do(disk.Call{Op: disk.Close, File: h})
		}
		sum := base.Sum()
		s := of(t, base)
		u := &user{t: t, disks: []disk.Disk{base.Image(disk.KeepAll), s}, files: make([][]disk.Handle, 2)}
		for range rapid.IntRange(0, 60).Draw(t, "calls") {
			u.step()
		}
		require.NoError(t, s.Close())
		require.Equal(t, sum, base.Sum())
	})
}

func TestLockOfTheBaseKeepsOutOthersUntilItIsClosed(t *testing.T) {
	base := disk.FS{Disk: disk.NewMemory()}
	held, err := base.Lock("lock")
	require.NoError(t, err)
	s := of(t, base.Disk)
	_, err = disk.FS{Disk: s}.Lock("lock")
	require.ErrorIs(t, err, disk.Locked)
	require.NoError(t, held.Close())
	_, err = disk.FS{Disk: s}.Lock("lock")
	require.NoError(t, err)
	_, err = base.Lock("lock")
	require.ErrorIs(t, err, disk.Locked)
	require.NoError(t, s.Close())
	_, err = base.Lock("lock")
	require.NoError(t, err)
}

func TestWhoPacesMayStopEveryRead(t *testing.T) {
	base := disk.NewMemory()
	require.NoError(t, disk.FS{Disk: base}.Replace("a", []byte("0123")))
	asked := 0
	s, err := shadow.New(base, func(bytes int) error {
		if asked += bytes; asked > 4 {
			return errors.New("enough")
		}
		return nil
	})
	require.NoError(t, err)
	fs := disk.FS{Disk: s}
	b, err := fs.ReadFile("a", 4)
	require.NoError(t, err)
	require.Equal(t, "0123", string(b))
	_, err = fs.ReadFile("a", 4)
	require.ErrorIs(t, err, disk.IO)
	f, err := fs.Open("a")
	require.NoError(t, err)
	require.ErrorIs(t, f.Truncate(1), disk.IO, "it would have to be copied")
	require.NoError(t, s.Close())
}

func TestDiskThatCannotTellItsNamesHasNoShadow(t *testing.T) {
	base := disk.NewMemory()
	base.Inject(disk.FailAt(disk.IO, 1))
	_, err := shadow.New(base, func(int) error { return nil })
	require.ErrorIs(t, err, disk.IO)
}

func TestWhatTheBaseCannotDoIsToldAndChangesNothing(t *testing.T) {
	base := disk.NewMemory()
	require.NoError(t, disk.FS{Disk: base}.Replace("a", []byte("0123")))
	sum := base.Sum()
	for _, op := range []disk.Op{disk.Open, disk.Read, disk.Lock, disk.Stat} {
		s := of(t, base)
		base.Inject(func(_ int, c disk.Call) disk.Fault {
			if c.Op == op {
				return disk.Fault{Code: disk.IO}
			}
			return disk.Fault{}
		})
		fs := disk.FS{Disk: s}
		f, err := fs.Lock("a")
		if err == nil {
			_, err = f.Size()
		}
		if err == nil {
			_, err = f.WriteAt([]byte("x"), 0)
		}
		require.ErrorIs(t, err, disk.IO, op)
		base.Inject(nil)
		require.NoError(t, s.Close())
		require.Equal(t, sum, base.Sum())
	}
}
