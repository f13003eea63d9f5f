package car

import (
	"fmt"
	"io"
	"iter"

	"dss.example/common/blob"
	"dss.example/p2-persist/object"
)

// Writer writes a CAR, block by block.
type Writer struct {
	w    io.Writer
	head []byte // room for what stands in front of a block's bytes
	err  error  // the first one; it sticks
}

// NewWriter writes the header of a CAR with the given roots, at most MaxRoots. Errors:
// ErrTooMany, blob.ErrBadID, those of w.
func NewWriter(w io.Writer, roots []blob.ID) (*Writer, error) {
	if len(roots) > MaxRoots {
		return nil, fmt.Errorf("%w: %d, want at most %d", ErrTooMany, len(roots), MaxRoots)
	}
	for _, id := range roots {
		if err := id.Validate(); err != nil {
			return nil, fmt.Errorf("root: %w", err)
		}
	}
	b, err := object.Encode(header{roots, version})
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(append(appendLength(nil, len(b)), b...)); err != nil {
		return nil, fmt.Errorf("write a CAR: %w", err)
	}
	return &Writer{w: w}, nil
}

// Put writes one block. What it writes, a Reader takes: it refuses what is not what its
// ID says (blob.ErrCorrupt, object.ErrInvalid), and what is no blob (blob.ErrTooLarge,
// blob.ErrBadID). After an error of the underlying writer every call returns it.
func (w *Writer) Put(b Block) error {
	if w.err != nil {
		return w.err
	}
	if err := b.ID.Validate(); err != nil {
		return err
	}
	if len(b.Data) > blob.MaxSize {
		return fmt.Errorf("%w: %v", blob.ErrTooLarge, b.ID)
	}
	if err := check(b.ID, b.Data); err != nil {
		return err
	}
	w.head = append(appendLength(w.head[:0], blob.IDSize+len(b.Data)), b.ID[:]...)
	for _, part := range [][]byte{w.head, b.Data} {
		if _, err := w.w.Write(part); err != nil {
			w.err = fmt.Errorf("write a CAR: %w", err)
			return w.err
		}
	}
	return nil
}

// Export writes a CAR of the blobs of a store that ids names, history.Mark as a rule, in
// their order. It writes small pieces: w should have a buffer. Errors: those of NewWriter,
// of ids, of the store, of w; then w holds a part of a CAR.
func Export(w io.Writer, store blob.Store, roots []blob.ID, ids iter.Seq2[blob.ID, error]) (Stats, error) {
	var stats Stats
	out, err := NewWriter(w, roots)
	if err != nil {
		return stats, err
	}
	for id, err := range ids {
		if err != nil {
			return stats, err
		}
		b, err := store.Get(id)
		if err != nil {
			return stats, err
		}
		if err := out.Put(Block{id, b}); err != nil {
			return stats, err
		}
		stats.add(len(b))
	}
	return stats, nil
}

func (s *Stats) add(bytes int) {
	s.Blocks++
	s.Bytes += int64(bytes)
}
