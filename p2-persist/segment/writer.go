package segment

import (
	"errors"
	"fmt"
	"hash/crc32"
	"path"

	"dss.example/common/disk"
)

// flushSize is how many bytes a Writer keeps before it writes them unasked.
const flushSize = 1 << 20

// Writer appends to a segment. One goroutine uses it at a time. It keeps at most 1 MiB
// and one record in memory.
//
// After a write or sync that failed nobody knows what is on the disk: every later call
// returns ErrFailed and does nothing.
type Writer struct {
	segment *Segment
	buffer  []byte // behind written
	written int64  // bytes of the file
	synced  int64  // of written; what the next record says of it
	marked  int64  // the newest mark in the file
	next    uint64
	dead    error
}

// Create begins a segment of size bytes under a temporary name, which starts with "~".
// Publish gives it its name, with what has been appended and synced by then.
// Errors: disk's; ErrSize.
func Create(fs disk.FS, name string, h Header, size int64) (*Writer, error) {
	if err := checkSize(size); err != nil {
		return nil, err
	}
	dir, base := path.Split(name)
	file, err := fs.Create(dir + "~" + base)
	if err != nil {
		return nil, err
	}
	if err := file.Preallocate(size); err != nil {
		return nil, errors.Join(err, file.Close(), fs.Remove(file.Name()))
	}
	return &Writer{
		segment: &Segment{file: file, name: file.Name(), header: h, limit: size, intact: true},
		buffer:  h.appendHeader(nil, size),
		next:    h.First,
	}, nil
}

// Publish syncs the segment and gives it its name, in place of a file that has it; then
// the name is durable. Whoever finds the name after a crash finds all of that: a name never
// goes before what it names. What fails here fails the Writer.
//
//ds:todo p2.6
func (w *Writer) Publish(fs disk.FS, name string) error {
	if err := w.Sync(); err != nil {
		return err
	}
	if err := fs.Rename(w.segment.name, name); err != nil {
		return w.fail(err)
	}
	w.segment.name = name
	return w.fail(fs.SyncDir(path.Dir(name)))
}

// Resume returns a Writer that appends at the segment's tail, as Scan has told it, when
// all before it is durable and the Torn bytes behind it are zeros again, durably. A crash
// meanwhile changes nothing: Scan will tell the same tail, or a cleaner one.
//
// What has not been proved to be durable, from Synced to End, is written again, in pieces of
// at most flushSize, and not only synced: after a sync that failed, a system may go on to
// show bytes that it will never write.
//
//ds:todo p2.6
func (s *Segment) Resume(t Tail) (*Writer, error) {
	for at := t.Synced; at < t.End; at += flushSize {
		b, err := s.file.ReadFull(at, int(min(t.End-at, flushSize)))
		if err == nil {
			_, err = s.file.WriteAt(b, at)
		}
		if err != nil {
			return nil, err
		}
	}
	if err := s.erase(t.End, t.Torn); err != nil {
		return nil, err
	}
	if err := s.file.Sync(); err != nil {
		return nil, err
	}
	return &Writer{segment: s, written: t.End, synced: t.End, marked: t.Synced, next: t.Next}, nil
}

// erase writes zeros. The file keeps its size, so that one that is too short stays a sign
// of damage.
func (s *Segment) erase(offset, size int64) error {
	zeros := make([]byte, min(size, flushSize))
	for at := offset; at < offset+size; at += flushSize {
		if _, err := s.file.WriteAt(zeros[:min(offset+size-at, flushSize)], at); err != nil {
			return err
		}
	}
	return nil
}

// Segment returns the segment, for reading.
func (w *Writer) Segment() *Segment { return w.segment }

// Next returns the number that the next record will have.
func (w *Writer) Next() uint64 { return w.next }

// Append adds a record whose payload is the parts, one behind the other, and returns its
// offset. It can be read after a Flush, and is durable after a Sync. The parts are copied.
// Its mark says how far the file is synced, which is at least the header. From flushSize
// bytes on, what is kept in memory is flushed.
//
// Errors: ErrKind, for the kinds 0 and mark; ErrTooLarge; ErrFull, if the record and behind
// it the mark of a Close have no room; ErrFailed, ErrClosed; only after the last two is the
// Writer of no more use. What is refused changes nothing.
//
//ds:todo p2.6
func (w *Writer) Append(kind Kind, parts ...[]byte) (offset int64, err error) {
	h := head{kind: kind, synced: max(w.synced, HeaderSize), number: w.next} // the header: when it is published
	for _, part := range parts {
		if h.length += len(part); h.length > MaxPayload {
			return 0, fmt.Errorf("%w: %d bytes or more", ErrTooLarge, h.length)
		}
		h.sum = crc32.Update(h.sum, castagnoli, part)
	}
	offset = w.end()
	switch {
	case w.dead != nil:
		return 0, w.dead
	case kind == 0 || kind == mark:
		return 0, fmt.Errorf("%w: %d", ErrKind, kind)
	case offset+h.size() > w.segment.limit-HeadSize: // room for the mark
		return 0, ErrFull
	}
	w.put(offset, &h, parts)
	if len(w.buffer) >= flushSize {
		return offset, w.Flush()
	}
	return offset, nil
}

// end returns where the next record will be.
func (w *Writer) end() int64 { return w.written + int64(len(w.buffer)) }

func (w *Writer) put(offset int64, h *head, parts [][]byte) {
	w.buffer = w.segment.header.appendHead(w.buffer, offset, h)
	for _, part := range parts {
		w.buffer = append(w.buffer, part...)
	}
	w.marked = h.synced
	w.next += h.takes()
}

// Flush writes what was appended, in one call of the disk if it is at most its MaxData, and
// nothing if there is nothing. A write that fails, or stops half-way, fails the Writer.
//
//ds:todo p2.6
func (w *Writer) Flush() error {
	if w.dead != nil || len(w.buffer) == 0 {
		return w.dead
	}
	if _, err := w.segment.file.WriteAt(w.buffer, w.written); err != nil {
		return w.fail(err)
	}
	w.written, w.buffer = w.end(), w.buffer[:0]
	return nil
}

// Scan is the Scan of a Segment for who appends to it: it ends behind the last record that
// was appended, and no tail is torn.
func (w *Writer) Scan(fn func(Record) error) (Tail, error) {
	if err := w.Flush(); err != nil {
		return Tail{}, err
	}
	appended := *w.segment
	appended.limit = w.written
	return appended.Scan(MaxSize, fn)
}

// Sync makes every appended record durable: one write, one sync, and nothing if there is
// nothing to do. It is never tried again if it fails, for a system may forget what it could
// not write, and say that all is well the next time: the Writer has failed.
//
//ds:todo p2.6
func (w *Writer) Sync() error {
	if err := w.Flush(); err != nil || w.synced == w.written {
		return err
	}
	if err := w.segment.file.Sync(); err != nil {
		return w.fail(err)
	}
	w.synced = w.written
	return nil
}

// fail ends the Writer if there is an error.
func (w *Writer) fail(err error) error {
	if err != nil && w.dead == nil {
		w.dead = fmt.Errorf("%w: %w", ErrFailed, err)
	}
	return w.dead
}

// Close closes the file. If all was synced it leaves a mark that says so, so that damage
// to the last records can be told from a torn tail; what was not synced may be lost. Whoever
// tells that by other means, as by a later segment, closes the Segment instead.
func (w *Writer) Close() error {
	if errors.Is(w.dead, ErrClosed) {
		return w.dead
	}
	var err error
	if w.dead == nil && w.synced == w.end() && w.marked < w.synced {
		w.put(w.synced, &head{kind: mark, synced: w.synced, number: w.next}, nil)
		err = w.Flush()
	}
	w.dead = ErrClosed
	return errors.Join(err, w.segment.Close())
}
