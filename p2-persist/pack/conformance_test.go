package pack_test

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"dss.example/common/blob"
	"dss.example/common/blob/blobtest"
	"dss.example/common/disk"
	"dss.example/p2-persist/pack"
)

// memoryDisk is a blobtest.Disk under a store on a pretended disk.
type memoryDisk struct {
	disk    *disk.Memory
	keep    func(int, disk.Effect) bool
	options pack.Options
}

func (d *memoryDisk) Open() (blob.Store, error) {
	return pack.Open(disk.FS{Disk: d.disk}, dir, d.options)
}

func (d *memoryDisk) Crash() { d.disk = d.disk.Crash(d.keep) }

func (d *memoryDisk) FailSync() {
	d.disk.Inject(func(_ int, c disk.Call) disk.Fault {
		if c.Op == disk.Sync {
			return disk.Fault{Code: disk.IO}
		}
		return disk.Fault{}
	})
}

// Damage flips a bit of the last byte of a blob, which it finds by its name.
func (d *memoryDisk) Damage(id blob.ID) error {
	name, offset, err := findBlob(disk.FS{Disk: d.disk}, id)
	if err != nil {
		return err
	}
	if !d.disk.Flip(name, offset, 2) {
		return errors.New("no such byte")
	}
	return nil
}

// findBlob returns where the first byte of the newest record of a blob is.
func findBlob(fs disk.FS, id blob.ID) (name string, offset int64, err error) {
	names, err := fs.List(dir)
	if err != nil {
		return "", 0, err
	}
	for i := len(names) - 1; i >= 0; i-- {
		if !bytes.HasPrefix([]byte(names[i]), []byte("pack-")) {
			continue
		}
		b, err := fs.ReadFile(dir+"/"+names[i], 1<<30)
		if err != nil {
			return "", 0, err
		}
		if at := bytes.LastIndex(b, id[:]); at >= 0 {
			return dir + "/" + names[i], int64(at + blob.IDSize + 4), nil
		}
	}
	return "", 0, errors.New("it stands nowhere")
}

func TestPackKeepsEveryPromiseWhateverACrashKeeps(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for name, keep := range map[string]func(int, disk.Effect) bool{
		"nothing":  disk.KeepNone,
		"anything": func(int, disk.Effect) bool { return rnd.IntN(2) == 0 },
	} {
		t.Run(name, func(t *testing.T) {
			blobtest.Run(t, func(*testing.T) blobtest.Disk {
				return &memoryDisk{disk: disk.NewMemory(), keep: keep, options: small()}
			})
		})
	}
}

// dirDisk is a blobtest.Disk under a store in a directory of the system. Only the process
// ends in a crash, so all is kept.
type dirDisk struct {
	t    *testing.T
	path string
	disk *disk.Dir
	fail bool
}

func (d *dirDisk) Open() (blob.Store, error) {
	if d.disk != nil {
		_ = d.disk.Close()
	}
	var err error
	d.fail = false
	if d.disk, err = disk.OpenDir(d.path); err != nil {
		return nil, err
	}
	return pack.Open(disk.FS{Disk: d}, dir, pack.Options{PackSize: 256 << 10})
}

// Do implements disk.Disk.
func (d *dirDisk) Do(c disk.Call) disk.Result {
	if d.fail && c.Op == disk.Sync {
		return disk.Result{Code: disk.IO}
	}
	return d.disk.Do(c)
}

func (d *dirDisk) Crash()    { require.NoError(d.t, d.disk.Close()) }
func (d *dirDisk) FailSync() { d.fail = true }

func (d *dirDisk) Damage(id blob.ID) error {
	_ = d.disk.Close()
	again, err := disk.OpenDir(d.path)
	if err != nil {
		return err
	}
	name, offset, err := findBlob(disk.FS{Disk: again}, id)
	if err = errors.Join(err, again.Close()); err != nil {
		return err
	}
	f, err := os.OpenFile(filepath.Join(d.path, name), os.O_RDWR, 0)
	if err != nil {
		return err
	}
	var b [1]byte
	_, err = f.ReadAt(b[:], offset)
	b[0] ^= 4
	_, werr := f.WriteAt(b[:], offset)
	return errors.Join(err, werr, f.Close())
}

func TestPackKeepsEveryPromiseInADirectory(t *testing.T) {
	blobtest.Run(t, func(t *testing.T) blobtest.Disk { return &dirDisk{t: t, path: t.TempDir()} })
}
