package stage2

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// The tree at scale 1.
const (
	smallFiles = 65_536
	smallBytes = 4 << 10
	largeFiles = 12
	largeBytes = 64 << 20

	perDir     = 256 // small files in one directory
	changeEach = 100 // small files, of which one is changed; and of the bytes of a large file
)

// The files of version 0 have this time, and what is changed an hour more: nobody has to
// doubt whether a file has changed in the moment in which it was read.
var treeTime = time.Date(2020, 2, 20, 0, 0, 0, 0, time.UTC)

// tree is a directory of files, in one of two versions: 0 or 1.
type tree struct {
	dir   string
	scale float64
}

func (t tree) small() int { return max(1, int(smallFiles*t.scale)) }

// large returns the bytes of a large file: whole blocks, enough for a change.
func (t tree) large() int { return max(changeEach, int(largeBytes*t.scale)/smallBytes) * smallBytes }

// bytes returns how many there are in each version.
func (t tree) bytes() int64 { return int64(t.small())*smallBytes + largeFiles*int64(t.large()) }

// changed returns how many bytes of version 1 are not in version 0.
func (t tree) changed() int64 {
	files := (t.small() + changeEach - 1) / changeEach
	return int64(files)*smallBytes + int64(t.large()/changeEach)
}

// kept returns how many bytes that differ a store has to keep, of all versions to this one.
func (t tree) kept(version int) int64 { return t.bytes() + int64(version)*t.changed() }

// lay makes the directory be of a version, on the disk. Files that are right it leaves
// alone, so that they look unchanged.
func (t tree) lay(version int) error {
	state := t.dir + ".state"
	want, other := t.state(version), t.state(1-version)
	was, err := os.ReadFile(state)
	switch {
	case err == nil && string(was) == want:
		return nil
	case err == nil && string(was) == other:
		err = t.change(version)
	case err == nil || errors.Is(err, fs.ErrNotExist):
		err = errors.Join(os.RemoveAll(t.dir), t.make(version))
	}
	if err != nil {
		return err
	}
	return errors.Join(os.WriteFile(state, []byte(want), 0o600), syncDisk())
}

func (t tree) state(version int) string {
	return fmt.Sprintf("scale %v, version %d\n", t.scale, version)
}

// syncDisk waits until all that anybody has written is on the disk, so that nobody pays
// for it later.
func syncDisk() error { return exec.Command("sync").Run() }

// make writes all files into a directory that is not there.
func (t tree) make(version int) error {
	for i := range t.small() {
		if i%perDir == 0 {
			if err := os.MkdirAll(filepath.Dir(t.name(i)), 0o755); err != nil {
				return err
			}
		}
		if err := t.writeSmall(i, version); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(filepath.Dir(t.largeName(0)), 0o755); err != nil {
		return err
	}
	for i := range largeFiles {
		if err := t.writeLarge(i, version); err != nil {
			return err
		}
	}
	return nil
}

// change turns one version into the other.
func (t tree) change(version int) error {
	for i := 0; i < t.small(); i += changeEach {
		if err := t.writeSmall(i, version); err != nil {
			return err
		}
	}
	return t.writeLarge(0, version)
}

func (t tree) name(i int) string {
	return filepath.Join(t.dir, fmt.Sprintf("small-%03d", i/perDir), fmt.Sprintf("%05d", i))
}

func (t tree) largeName(i int) string { return filepath.Join(t.dir, "large", fmt.Sprintf("%02d", i)) }

func (t tree) writeSmall(i, version int) error {
	if i%changeEach != 0 {
		version = 0
	}
	return write(t.name(i), version, random(i, version, smallBytes))
}

func (t tree) writeLarge(i, version int) error {
	if i > 0 {
		version = 0
	}
	b := random(smallFiles+i, 0, t.large())
	if version > 0 {
		copy(b[len(b)/2:], random(smallFiles+i, version, len(b)/changeEach))
	}
	return write(t.largeName(i), version, b)
}

func write(name string, version int, b []byte) error {
	if err := os.WriteFile(name, b, 0o644); err != nil {
		return err
	}
	at := treeTime.Add(time.Duration(version) * time.Hour)
	return os.Chtimes(name, at, at)
}

// random returns the bytes of a file: no store can make less of them.
func random(file, version, n int) []byte {
	b := make([]byte, n)
	seed := [32]byte{'t', byte(version), byte(file), byte(file >> 8), byte(file >> 16)}
	_, _ = rand.NewChaCha8(seed).Read(b) // it never fails
	return b
}
