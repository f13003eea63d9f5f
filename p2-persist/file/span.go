package file

import (
	"fmt"
	"io"
	"iter"

	"dss.example/common/blob"
)

// Span is a piece of a file that is stored as one: a chunk, a hole, or the rest of one.
type Span struct {
	Offset int64  // in the file, in bytes
	Size   int64  // in bytes, > 0
	Data   []byte // Size bytes, not to be changed; nil: a hole, Size zeros
}

// Spans returns the pieces of the file from an offset to its end, in order: so a copy
// can leave out the holes, which may be far larger than any disk. An error is the last
// thing in the sequence. Errors: those of ReadAt but io.EOF.
func (f *File) Spans(from int64) iter.Seq2[Span, error] {
	return func(yield func(Span, error) bool) {
		if from < 0 {
			yield(Span{}, fmt.Errorf("%w: %d", ErrOffset, from))
			return
		}
		for from < f.Size() {
			s, err := f.find(from)
			if err != nil {
				yield(Span{}, err)
				return
			}
			s = s.after(from)
			if !yield(s, nil) {
				return
			}
			from += s.Size
		}
	}
}

// find returns the whole chunk or hole in which the offset lies, which is from 0 to
// Size-1. It goes down from the root, to the part in whose bytes the offset is, and visits
// every blob on that way. An error says at which offset of the file its blob begins.
//
//ds:todo p2.3
func (f *File) find(offset int64) (Span, error) {
	part, start := f.root, int64(0)
	for level := f.level; level > 0 && !part.Hole(); level-- {
		v, err := f.visit(level, part)
		if err != nil {
			return Span{}, fmt.Errorf("file at offset %d: %w", start, err)
		}
		next, skipped := v.node.at(offset - start)
		part, start = next, start+skipped
	}
	if part.Hole() {
		return Span{Offset: start, Size: part.Size}, nil
	}
	v, err := f.visit(0, part)
	if err != nil {
		return Span{}, fmt.Errorf("file at offset %d: %w", start, err)
	}
	return Span{Offset: start, Size: part.Size, Data: v.chunk}, nil
}

// at returns the part in which the offset lies and where that part begins, both counted
// from the start of n. offset is less than n's size.
//
//ds:todo p2.3
func (n Node) at(offset int64) (p Part, start int64) {
	for _, p = range n.Parts {
		if offset < start+p.Size {
			break
		}
		start += p.Size
	}
	return p, start
}

// visit returns the blob of a part, which get has, checked against the level and the size
// that its parent says it has; level 0 is a chunk. Errors: get's; ErrMalformed.
//
//ds:todo p2.3
func (f *File) visit(level int, p Part) (visited, error) {
	v, err := f.get(level, p.Link)
	if err != nil {
		return visited{}, err
	}
	size := int64(len(v.chunk))
	if level > 0 {
		size = v.node.Size()
	}
	if v.node.Level != level || size != p.Size {
		return visited{}, fmt.Errorf("%w: %v is of level %d and %d bytes, want level %d and %d bytes",
			ErrMalformed, p.Link, v.node.Level, size, level, p.Size)
	}
	return v, nil
}

// get returns a blob, from the last path if it is there. Two goroutines that miss the
// same blob both get it; that costs time and nothing else.
func (f *File) get(level int, id blob.ID) (visited, error) {
	f.mu.Lock()
	v := f.path[level]
	f.mu.Unlock()
	if v.id == id {
		return v, nil
	}
	b, err := f.store.Get(id)
	if err != nil {
		return visited{}, err
	}
	v = visited{id: id}
	if level == 0 {
		v.chunk = b
	} else if v.node, err = ParseNode(b); err != nil {
		return visited{}, fmt.Errorf("%v: %w", id, err)
	}
	f.mu.Lock()
	f.path[level] = v
	f.mu.Unlock()
	return v, nil
}

// after returns what of s is at or behind an offset that lies in it.
func (s Span) after(offset int64) Span {
	skip := offset - s.Offset
	rest := Span{Offset: offset, Size: s.Size - skip}
	if s.Data != nil {
		rest.Data = s.Data[skip:]
	}
	return rest
}

// copyTo copies from s, skip bytes behind its start, what fits into p, and returns how
// much that is.
func (s Span) copyTo(p []byte, skip int64) int {
	if s.Data != nil {
		return copy(p, s.Data[skip:])
	}
	n := int(min(int64(len(p)), s.Size-skip))
	clear(p[:n])
	return n
}

// zeroBlock is how many zeros are written at once.
const zeroBlock = 32 << 10

func (s Span) writeTo(w io.Writer) (int64, error) {
	if s.Data != nil {
		return writeAll(w, s.Data)
	}
	zeros := make([]byte, min(zeroBlock, s.Size))
	var written int64
	for written < s.Size {
		n, err := writeAll(w, zeros[:min(zeroBlock, s.Size-written)])
		written += n
		if err != nil {
			return written, err
		}
	}
	return written, nil
}

// writeAll makes a short write an error, for writers that forget to.
func writeAll(w io.Writer, b []byte) (int64, error) {
	n, err := w.Write(b)
	if err == nil && n != len(b) {
		err = io.ErrShortWrite
	}
	return int64(n), err
}
