package dir

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"dss.example/common/blob"
)

// Existing says what Restore does with a file that is there and differs.
type Existing int

// What may happen to a file that is there and differs. A directory that is there is
// always filled, and never removed.
const (
	Refuse  Existing = iota // it is a problem, ErrExists
	Keep                    // it stays
	Replace                 // it is replaced, also by a directory
)

// RestoreOptions say how to restore. The zero value overwrites nothing and lets nothing
// lead out.
type RestoreOptions struct {
	Existing Existing
	// AnySymlink makes symbolic links that could lead out of the target, too. Restore
	// itself never follows one out.
	AnySymlink bool
	// Progress is called after each entry, and must not block. It must not keep the list.
	Progress func(RestoreStats)
}

// RestoreStats say what a Restore did.
type RestoreStats struct {
	Files, Dirs, Symlinks int64 // as they should be now
	Bytes                 int64 // of those files
	BytesWritten          int64 // of those that were not there already
	Kept                  int64 // others that are there and stay (Keep)

	Problems Listing
}

// Restore fills a directory with what the directory id of a store holds: files with their
// modes and times, directories, symbolic links. What else is in the target stays there.
//
// A file appears under its name when it is complete, with all its bytes, mode and time.
// One that is there already with the same bytes and the same time is left, so a Restore
// that was interrupted is finished by another with the same options. Its unfinished
// file has the name ".restore.tmp", and "~" behind it if the directory has an entry of that
// name; the next Restore replaces it, whoever has put it there. Nothing is synced.
//
// Whatever the store holds, nothing outside of the target is read or changed: the names
// have been checked, and os.Root follows no symbolic link out, not even one that is
// swapped in meanwhile.
//
// It goes on behind what cannot be restored. Errors: ErrIncomplete, with
// RestoreStats.Problems: those of the store and the disk, ErrExists, ErrLeadsOut,
// ErrMalformed, ErrTooDeep. The context's, which ends it.
func Restore(ctx context.Context, store blob.Store, id blob.ID, target *os.Root, o RestoreOptions) (RestoreStats, error) {
	r := &restorer{ctx: ctx, store: store, o: o}
	r.directory(target, "", id, 1)
	r.stats.Problems.sort()
	if err := ctx.Err(); err != nil {
		return r.stats, err
	}
	return r.stats, r.stats.Problems.err()
}

// restorer is one Restore.
type restorer struct {
	ctx   context.Context
	store blob.Store
	o     RestoreOptions
	stats RestoreStats
}

// errKept means that something else is there, and stays.
var errKept = errors.New("kept")

// directory fills one directory, the depth-th on its path.
func (r *restorer) directory(root *os.Root, path string, id blob.ID, depth int) {
	if depth > MaxDepth {
		r.note(path, ErrTooDeep)
		return
	}
	d, err := Load(r.store, id)
	if err != nil {
		r.note(path, err)
		return
	}
	temp, err := tempName(d)
	if err != nil {
		r.note(path, err)
		return
	}
	for e, err := range d.Entries() {
		at := join(path, e.Name)
		switch {
		case r.ctx.Err() != nil:
			return
		case err != nil:
			r.note(path, err)
		case e.Kind == Dir:
			r.note(at, r.subdirectory(root, at, e, depth))
		case e.Kind == Symlink:
			r.note(at, r.symlink(root, at, temp, e))
		default:
			r.note(at, r.file(root, temp, e))
		}
	}
}

// tempName returns a name for unfinished files that is not one of d's.
func tempName(d Directory) (string, error) {
	for name := ".restore.tmp"; ; name += "~" {
		if _, found, err := d.Lookup(name); err != nil || !found {
			return name, err
		}
	}
}

// note counts what has happened to a path.
func (r *restorer) note(path string, err error) {
	switch {
	case err == nil:
	case err == errKept:
		r.stats.Kept++
	case r.ctx.Err() != nil: // it is the context's error, or does not matter any more
	default:
		r.stats.Problems.add(path, err)
	}
	if r.o.Progress != nil {
		r.o.Progress(r.stats)
	}
}

// subdirectory makes and fills a directory. Its mode and time come last: filling needs
// the one, and changes the other.
func (r *restorer) subdirectory(root *os.Root, path string, e Entry, depth int) error {
	if err := r.makeDirectory(root, e.Name); err != nil {
		return err
	}
	sub, err := root.OpenRoot(e.Name)
	if err != nil {
		return err
	}
	defer sub.Close()
	r.directory(sub, path, e.Link, depth+1)
	if err := r.ctx.Err(); err != nil {
		return err
	}
	if err := finish(root, e.Name, e); err != nil {
		return err
	}
	r.stats.Dirs++
	return nil
}

// makeDirectory makes a directory that can be written, or makes that of the one that is
// there.
func (r *restorer) makeDirectory(root *os.Root, name string) error {
	const ownerMay = 0o700
	found, err := root.Lstat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return root.Mkdir(name, ownerMay)
	case err != nil:
		return err
	case found.IsDir():
		return root.Chmod(name, found.Mode().Perm()|ownerMay)
	}
	if err := r.mayReplace(found); err != nil {
		return err
	}
	if err := root.Remove(name); err != nil {
		return err
	}
	return root.Mkdir(name, ownerMay)
}

// mayReplace returns nil if what is there, and differs, may be replaced.
func (r *restorer) mayReplace(found fs.FileInfo) error {
	switch {
	case r.o.Existing == Keep:
		return errKept
	case r.o.Existing == Replace && !found.IsDir():
		return nil
	}
	return fmt.Errorf("%w: %v", ErrExists, found.Mode())
}

// mayWrite returns nil if a name is free, or may be replaced.
func (r *restorer) mayWrite(root *os.Root, name string) error {
	found, err := root.Lstat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	}
	return r.mayReplace(found)
}

// finish gives a file or directory the mode and time of its entry.
func finish(root *os.Root, name string, e Entry) error {
	if err := root.Chmod(name, e.Mode); err != nil {
		return err
	}
	t := time.Unix(0, e.Mtime)
	return root.Chtimes(name, t, t)
}

// symlink makes a symbolic link.
func (r *restorer) symlink(root *os.Root, path, temp string, e Entry) error {
	if !r.o.AnySymlink && leadsOut(path, e.Target) {
		return fmt.Errorf("%w: to %q", ErrLeadsOut, e.Target)
	}
	if there, err := root.Readlink(e.Name); err != nil || there != e.Target {
		if err := r.mayWrite(root, e.Name); err != nil {
			return err
		}
		err := replace(root, temp, e.Name, func() error { return root.Symlink(e.Target, temp) })
		if err != nil {
			return err
		}
	}
	r.stats.Symlinks++
	return nil
}

// replace makes something under the temporary name and renames it, or leaves nothing.
func replace(root *os.Root, temp, name string, make func() error) error {
	if err := root.Remove(temp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	err := make()
	if err == nil {
		err = root.Rename(temp, name)
	}
	if err != nil {
		return errors.Join(err, removeIfThere(root, temp))
	}
	return nil
}

func removeIfThere(root *os.Root, name string) error {
	if err := root.Remove(name); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
