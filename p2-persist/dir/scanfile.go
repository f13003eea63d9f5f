package dir

import (
	"context"
	"fmt"
	"io"
	"io/fs"

	"dss.example/common/blob"
	"dss.example/p2-persist/file"
)

// largeFile is the size in bytes from which on one file keeps several workers busy.
const largeFile = 16 << 20

// writers are what one worker stores files with.
type writers struct {
	small *file.Writer
	large *file.Writer // nil until it is needed
}

// describe returns the entry of what stands at a path: of a symbolic link all of it, of a
// file or directory all but its link. It is the zero Entry if it is not to be in the
// snapshot.
func (s *scanner) describe(at string, d fs.DirEntry) Entry {
	e := Entry{Name: d.Name()}
	found, err := d.Info()
	if err == nil {
		err = checkName(e.Name)
	}
	if err != nil {
		s.problem(at, err)
		return Entry{}
	}
	switch found.Mode().Type() {
	case 0:
		e.setAttributes(File, found)
		return e
	case fs.ModeDir:
		e.setAttributes(Dir, found)
		return e
	case fs.ModeSymlink:
		e.Kind = Symlink
		return s.symlink(at, e)
	}
	err = fmt.Errorf("%w: %v", ErrSpecial, found.Mode())
	s.count(func(stats *ScanStats) { stats.Skipped.add(at, err) })
	return Entry{}
}

// store stores what a file or directory holds and returns its whole entry, the zero Entry
// if it is not to be in the snapshot. before is what the previous snapshot has there.
func (s *scanner) store(at string, e, before Entry, depth int) Entry {
	if e.Kind == File {
		return s.file(at, e)
	}
	if e.Link = s.directory(at, directoryOf(&before), depth+1); e.Link.IsZero() {
		return Entry{}
	}
	s.count(func(stats *ScanStats) { stats.Dirs++ })
	return e
}

// setAttributes takes over what the disk says of a file or directory.
func (e *Entry) setAttributes(k Kind, found fs.FileInfo) {
	e.Kind, e.Mode, e.Mtime = k, found.Mode().Perm(), found.ModTime().UnixNano()
	if k == File {
		e.Size = found.Size()
	}
}

func (s *scanner) symlink(at string, e Entry) Entry {
	var err error
	if e.Target, err = fs.ReadLink(s.fsys, at); err == nil {
		err = e.Validate()
	}
	if err != nil {
		s.problem(at, err)
		return Entry{}
	}
	s.count(func(stats *ScanStats) { stats.Symlinks++ })
	return e
}

// reuse returns the entry of a file that has not changed.
func (s *scanner) reuse(before Entry) Entry {
	s.progress(func(stats *ScanStats) {
		stats.Files++
		stats.Bytes += before.Size
		stats.BytesReused += before.Size
	})
	return before
}

// file stores the contents of a file and returns its whole entry.
func (s *scanner) file(at string, e Entry) Entry {
	in, err := s.open(at, &e)
	if err != nil {
		s.problem(at, err)
		return Entry{}
	}
	defer in.file.Close()
	e.Link, e.Size, err = s.put(in, e.Size)
	switch {
	case in.err != nil: // the file's fault, or the context's
		if s.ctx.Err() == nil {
			s.problem(at, in.err)
		}
		return Entry{}
	case err != nil:
		s.stop(fmt.Errorf("store %s: %w", at, err))
		return Entry{}
	}
	s.progress(func(stats *ScanStats) {
		stats.Files++
		stats.Bytes += e.Size
		stats.BytesRead += e.Size
	})
	return e
}

// put stores what is read, expected to be of the given size.
func (s *scanner) put(in io.Reader, size int64) (blob.ID, int64, error) {
	w := <-s.writers
	defer func() { s.writers <- w }()
	if size < largeFile {
		return w.small.Put(in)
	}
	if w.large == nil {
		w.large = file.NewWriter(s.blobs, s.o.Cutter, s.o.Workers)
	}
	return w.large.Put(in)
}

// isUnchanged reports whether a file looks as it did in the previous snapshot, and not so
// young that looks may deceive.
func (s *scanner) isUnchanged(now, before Entry) bool {
	now.Link = before.Link
	return now == before && now.Kind == File && (s.o.Since == 0 || now.Mtime < s.o.Since)
}

// open opens a file, and takes its attributes from there: what was listed may have been
// replaced meanwhile.
func (s *scanner) open(at string, e *Entry) (*source, error) {
	f, err := s.fsys.Open(at)
	if err != nil {
		return nil, err
	}
	found, err := f.Stat()
	if err == nil && !found.Mode().IsRegular() {
		err = fmt.Errorf("%w: %v, but it was a file", ErrSpecial, found.Mode())
	}
	if err != nil {
		f.Close() // it was only read
		return nil, err
	}
	e.setAttributes(File, found)
	return &source{ctx: s.ctx, file: f}, nil
}

// source is a file that is read. It keeps its error, so that it can be told from one of
// the store.
type source struct {
	ctx  context.Context
	file fs.File
	err  error
}

func (r *source) Read(b []byte) (int, error) {
	if r.err = r.ctx.Err(); r.err != nil {
		return 0, r.err
	}
	n, err := r.file.Read(b)
	if err != io.EOF {
		r.err = err
	}
	return n, err
}
