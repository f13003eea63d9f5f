package file

import (
	"fmt"
	"io"
	"math"
	"sync"

	"dss.example/common/blob"
)

// File reads a file of a store. It is an io.ReaderAt, whose ReadAt may be called from
// many goroutines at once; Read, Seek and WriteTo share one position, and one goroutine
// uses them at a time. There is nothing to close.
//
// It keeps the blobs of the last path, one a level: reading on costs one Get a chunk.
type File struct {
	store blob.Store
	root  Part
	level int // of the root; 0: the file is one chunk
	pos   int64

	mu   sync.Mutex            // guards path
	path [MaxLevel + 1]visited // by level
}

// visited is a blob that was read and checked. What it holds is never changed.
type visited struct {
	id    blob.ID
	node  Node   // at level 1 and above
	chunk []byte // at level 0
}

// Open returns the file that id names. It reads the blob of the root only. Errors: those
// of the store, ErrMalformed.
func Open(store blob.Store, id blob.ID) (*File, error) {
	b, err := store.Get(id)
	if err != nil {
		return nil, err
	}
	f := &File{store: store, root: Part{int64(len(b)), id}}
	v := visited{id: id, chunk: b}
	if id.Codec() != blob.Raw {
		n, err := ParseNode(b)
		if err != nil {
			return nil, fmt.Errorf("%v: %w", id, err)
		}
		f.root.Size, f.level = n.Size(), n.Level
		v = visited{id: id, node: n}
	}
	f.path[f.level] = v
	return f, nil
}

// Size returns the size of the file in bytes. It may be as large as an int64 can say, in
// a store of a few bytes: holes cost nothing.
func (f *File) Size() int64 { return f.root.Size }

// ReadAt implements io.ReaderAt. It gets the nodes on the way to the bytes and the
// chunks that hold them, nothing else. Errors: io.EOF at the end of the file; ErrOffset
// for a negative offset; those of the store; ErrMalformed. The bytes before an error
// are right.
//
//ds:todo p2.3
func (f *File) ReadAt(p []byte, off int64) (n int, err error) {
	if off < 0 {
		return 0, fmt.Errorf("%w: %d", ErrOffset, off)
	}
	for n < len(p) {
		if off >= f.Size() {
			return n, io.EOF
		}
		s, err := f.find(off)
		if err != nil {
			return n, err
		}
		done := s.copyTo(p[n:], off-s.Offset)
		n += done
		off += int64(done)
	}
	return n, nil
}

// Read implements io.Reader.
func (f *File) Read(p []byte) (int, error) {
	left := f.Size() - f.pos
	if left <= 0 {
		return 0, io.EOF
	}
	n, err := f.ReadAt(p[:min(int64(len(p)), left)], f.pos)
	f.pos += int64(n)
	return n, err
}

// Seek implements io.Seeker. Positions beyond the end are allowed; reading there is
// io.EOF. Error: ErrOffset for one that is negative or no int64.
func (f *File) Seek(offset int64, whence int) (int64, error) {
	var from int64
	switch whence {
	case io.SeekStart:
	case io.SeekCurrent:
		from = f.pos
	case io.SeekEnd:
		from = f.Size()
	default:
		return 0, fmt.Errorf("%w: whence %d", ErrOffset, whence)
	}
	if offset < -from || offset > math.MaxInt64-from {
		return 0, fmt.Errorf("%w: %d from %d", ErrOffset, offset, from)
	}
	f.pos = from + offset
	return f.pos, nil
}

// WriteTo implements io.WriterTo: it writes the file from the position to the end, the
// holes as zeros. The position moves behind what was written.
func (f *File) WriteTo(w io.Writer) (int64, error) {
	var written int64
	for s, err := range f.Spans(f.pos) {
		if err != nil {
			return written, err
		}
		n, err := s.writeTo(w)
		written += n
		f.pos += n
		if err != nil {
			return written, err
		}
	}
	return written, nil
}
