//go:build unix

package demo

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"

	"dss.example/common/kv"
)

// MaxFiles bounds the files of a Tree.
const MaxFiles = 1 << 20

// Why a file was left out of a Tree.
var (
	ErrKeyTooLong  = fmt.Errorf("its path is longer than a key may be, %d bytes", kv.MaxKey)
	ErrTooLarge    = fmt.Errorf("it is larger than a value may be, %d bytes", kv.MaxValue)
	ErrNotRegular  = errors.New("it is no regular file")
	ErrManyEntries = fmt.Errorf("there are %d files already", MaxFiles)
)

// File is a file that can be put into a store.
type File struct {
	Key  string // its path below the root, with slashes; at most kv.MaxKey bytes
	Path string // where it is
	Size int64  // bytes; at most kv.MaxValue
}

// LeftOut is something below the root that cannot be put into a store.
type LeftOut struct {
	Path string
	Why  error // one of the four above, or why it cannot be read
}

// Tree is the files below a directory, in the order of their paths.
type Tree struct {
	Files   []File
	LeftOut []LeftOut
	Bytes   int64 // of Files together
}

// ListFiles lists the files below root, which may itself be a symbolic link; those
// below it are not followed. What cannot be put into a store is left out and told.
// It fails only if root is no directory that can be read.
func ListFiles(root string) (Tree, error) {
	var t Tree
	dir, err := filepath.EvalSymlinks(root)
	if err != nil {
		return t, err
	}
	if _, err := os.ReadDir(dir); err != nil {
		return t, err
	}
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			t.LeftOut = append(t.LeftOut, LeftOut{path, err})
		case d.IsDir():
		case len(t.Files)+len(t.LeftOut) >= MaxFiles:
			t.LeftOut = append(t.LeftOut, LeftOut{path, ErrManyEntries})
			return fs.SkipAll
		default:
			t.add(dir, path, d)
		}
		return nil
	})
	return t, err
}

func (t *Tree) add(root, path string, d fs.DirEntry) {
	f, err := fileAt(root, path, d)
	if err != nil {
		t.LeftOut = append(t.LeftOut, LeftOut{path, err})
		return
	}
	t.Files = append(t.Files, f)
	t.Bytes += f.Size
}

func fileAt(root, path string, d fs.DirEntry) (File, error) {
	if !d.Type().IsRegular() {
		return File{}, ErrNotRegular
	}
	info, err := d.Info()
	if err != nil {
		return File{}, err
	}
	key, err := filepath.Rel(root, path)
	if err != nil {
		return File{}, err
	}
	f := File{Key: filepath.ToSlash(key), Path: path, Size: info.Size()}
	switch {
	case len(f.Key) > kv.MaxKey:
		return f, ErrKeyTooLong
	case f.Size > kv.MaxValue:
		return f, ErrTooLarge
	}
	return f, nil
}

// Read returns the bytes of the file; ErrTooLarge if it has grown too large.
func (f File) Read() ([]byte, error) {
	file, err := os.Open(f.Path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	b, err := io.ReadAll(io.LimitReader(file, kv.MaxValue+1))
	if err == nil && len(b) > kv.MaxValue {
		return nil, fmt.Errorf("%s: %w", f.Path, ErrTooLarge)
	}
	return b, err
}

// Check calls same for every file of a tree, 16 at a time, as a step of the demonstration. It
// returns the step's rate, and an error that tells how many files failed and what was wrong
// with the first.
func (s *Show) Check(step string, t Tree, same func(File) error) (rate string, err error) {
	progress := s.Begin(step, int64(len(t.Files)), "files")
	var wrong atomic.Int64
	var first atomic.Pointer[error]
	files := make(chan File)
	var readers sync.WaitGroup
	for range 16 {
		readers.Go(func() {
			for f := range files {
				if err := same(f); err != nil {
					wrong.Add(1)
					first.CompareAndSwap(nil, &err)
				}
				progress.Add(1)
			}
		})
	}
	for _, f := range t.Files {
		files <- f
	}
	close(files)
	readers.Wait()
	if n := wrong.Load(); n > 0 {
		err = fmt.Errorf("%d files differ, the first: %w", n, *first.Load())
	}
	return progress.End(), err
}
