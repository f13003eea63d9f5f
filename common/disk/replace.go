package disk

import (
	"errors"
	"fmt"
	"strings"
)

// tempPrefix begins the names of files that were to replace others.
const tempPrefix = "~"

// maxTemps bounds the names that Replace tries: so many are being written at a time in one
// directory, or were left there by crashes.
const maxTemps = 64

// Replace gives a file new contents, or makes it: then they are durable. Whenever the
// machine stops, the name has the old contents or the new ones.
//
// After an error the name has its old contents, but for an error of the rename or of the
// SyncDir behind it: then nobody knows which it will have, and whoever sees it must stop.
// The new ones are written to a file beside it whose name begins with "~"; a crash may
// leave that behind, see [FS.RemoveTemps].
func (f FS) Replace(name string, data []byte) error {
	if err := CheckName(name); err != nil {
		return err
	}
	dir, _ := split(name)
	temp, err := f.createTemp(dir)
	if err != nil {
		return err
	}
	err = temp.fill(data)
	if err == nil {
		err = f.Rename(temp.name, name)
	}
	if err != nil {
		if gone := f.Remove(temp.name); gone != nil && !errors.Is(gone, NotFound) {
			err = errors.Join(err, gone)
		}
		return err
	}
	return f.SyncDir(dir)
}

// createTemp makes a file of a name that no file in the directory has.
func (f FS) createTemp(dir string) (*File, error) {
	for n := 0; ; n++ {
		file, err := f.Create(join(dir, fmt.Sprint(tempPrefix, n)))
		if !errors.Is(err, Exists) || n == maxTemps-1 {
			return file, err
		}
	}
}

// fill writes a file, syncs and closes it.
func (f *File) fill(data []byte) error {
	_, err := f.WriteAt(data, 0)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// RemoveTemps removes from a directory what a Replace that was interrupted has left. No
// Replace may be under way in it: whoever opens a store calls it while it has the lock.
func (f FS) RemoveTemps(dir string) error {
	names, err := f.List(dir)
	if err != nil {
		return err
	}
	for _, name := range names {
		if !strings.HasPrefix(name, tempPrefix) || strings.HasSuffix(name, "/") {
			continue
		}
		if err := f.Remove(join(dir, name)); err != nil {
			return err
		}
	}
	return nil
}
