package dir

import (
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"

	"dss.example/common/blob"
	"dss.example/p2-persist/file"
)

// maxHops bounds the symbolic links on the way to one file.
const maxHops = 40

// FS shows a directory of a store as an fs.FS, read-only: also as an fs.StatFS, an
// fs.ReadDirFS and an fs.ReadLinkFS. Its files are io.Seekers and io.ReaderAts too, so that
// net/http can serve them. It may be used from many goroutines at once; a file of it by
// one at a time.
//
// Symbolic links are followed as on a disk whose root is the directory, but for absolute
// ones, which lead nowhere.
type FS struct {
	store blob.Store
	root  blob.ID
}

// NewFS returns the FS of a directory. Nothing is read before it is asked for.
func NewFS(store blob.Store, root blob.ID) *FS { return &FS{store, root} }

// resolve returns the entry at a name, and if follow is true that of the file to which a
// symbolic link leads.
func (f *FS) resolve(name string, follow bool) (Entry, error) {
	if !fs.ValidPath(name) {
		return Entry{}, fs.ErrInvalid
	}
	way := []Entry{rootEntry(f.root)} // from the root to where we are
	for todo, hops := strings.Split(name, "/"), 0; len(todo) > 0; {
		first := todo[0]
		todo = todo[1:]
		if first == "." || first == "" {
			continue
		}
		if first == ".." {
			if way = way[:len(way)-1]; len(way) == 0 {
				return Entry{}, fmt.Errorf("%w: a symbolic link leads out", fs.ErrNotExist)
			}
			continue
		}
		e, err := step(f.store, way[len(way)-1], first)
		switch {
		case err != nil:
			return Entry{}, err
		case e.Kind != Symlink || len(todo) == 0 && !follow:
			way = append(way, e)
		case strings.HasPrefix(e.Target, "/"):
			return Entry{}, fmt.Errorf("%w: a symbolic link leads out", fs.ErrNotExist)
		default:
			if hops++; hops > maxHops {
				return Entry{}, fmt.Errorf("%w: more than %d symbolic links", fs.ErrNotExist, maxHops)
			}
			todo = slices.Concat(strings.Split(e.Target, "/"), todo)
		}
	}
	return way[len(way)-1], nil
}

// find is resolve with the error that an fs.FS returns. A link has the name by which it
// was asked for, as on a disk.
func (f *FS) find(op, name string, follow bool) (Entry, error) {
	e, err := f.resolve(name, follow)
	if err != nil {
		return Entry{}, &fs.PathError{Op: op, Path: name, Err: err}
	}
	e.Name = name[strings.LastIndexByte(name, '/')+1:]
	return e, nil
}

// Open implements fs.FS.
func (f *FS) Open(name string) (fs.File, error) {
	e, err := f.find("open", name, true)
	if err != nil {
		return nil, err
	}
	if e.Kind == Dir {
		return &openDir{fs: f, entry: e, path: name}, nil
	}
	contents, err := openContents(f.store, e)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	return &openFile{contents, e}, nil
}

// openContents opens the contents of a file, which must be as large as its entry says.
func openContents(store blob.Store, e Entry) (*file.File, error) {
	f, err := file.Open(store, e.Link)
	if err == nil && f.Size() != e.Size {
		err = fmt.Errorf("%w: %q has %d bytes, its entry says %d", ErrMalformed, e.Name, f.Size(), e.Size)
	}
	return f, err
}

// Stat implements fs.StatFS.
func (f *FS) Stat(name string) (fs.FileInfo, error) {
	e, err := f.find("stat", name, true)
	if err != nil {
		return nil, err
	}
	return info{e}, nil
}

// Lstat implements fs.ReadLinkFS.
func (f *FS) Lstat(name string) (fs.FileInfo, error) {
	e, err := f.find("lstat", name, false)
	if err != nil {
		return nil, err
	}
	return info{e}, nil
}

// ReadLink implements fs.ReadLinkFS.
func (f *FS) ReadLink(name string) (string, error) {
	e, err := f.find("readlink", name, false)
	if err == nil && e.Kind != Symlink {
		err = &fs.PathError{Op: "readlink", Path: name, Err: fs.ErrInvalid}
	}
	return e.Target, err
}

// ReadDir implements fs.ReadDirFS. It needs memory for all entries of the directory.
func (f *FS) ReadDir(name string) ([]fs.DirEntry, error) {
	e, err := f.find("readdir", name, true)
	if err != nil {
		return nil, err
	}
	return f.list(name, e)
}

func (f *FS) list(name string, e Entry) ([]fs.DirEntry, error) {
	if e.Kind != Dir {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: fmt.Errorf("%w: no directory", fs.ErrInvalid)}
	}
	d, err := Load(f.store, e.Link)
	if err != nil {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: err}
	}
	list := []fs.DirEntry{}
	for e, err := range d.Entries() {
		if err != nil {
			return list, &fs.PathError{Op: "readdir", Path: name, Err: err}
		}
		list = append(list, info{e})
	}
	return list, nil
}

// openFile is an open file of an FS.
type openFile struct {
	*file.File
	entry Entry
}

func (f *openFile) Stat() (fs.FileInfo, error) { return info{f.entry}, nil }
func (f *openFile) Close() error               { return nil }

// openDir is an open directory of an FS.
type openDir struct {
	fs     *FS
	entry  Entry
	path   string
	isRead bool
	left   []fs.DirEntry // what ReadDir has not returned yet
}

func (d *openDir) Stat() (fs.FileInfo, error) { return info{d.entry}, nil }
func (d *openDir) Close() error               { return nil }

func (d *openDir) Read([]byte) (int, error) {
	return 0, &fs.PathError{Op: "read", Path: d.path, Err: fmt.Errorf("%w: a directory", fs.ErrInvalid)}
}

func (d *openDir) ReadDir(n int) ([]fs.DirEntry, error) {
	if !d.isRead {
		list, err := d.fs.list(d.path, d.entry)
		if err != nil {
			return nil, err
		}
		d.left, d.isRead = list, true
	}
	if n > 0 && len(d.left) == 0 {
		return nil, io.EOF
	}
	if n <= 0 || n > len(d.left) {
		n = len(d.left)
	}
	page := d.left[:n:n]
	d.left = d.left[n:]
	return page, nil
}
