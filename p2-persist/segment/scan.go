package segment

import (
	"bytes"
	"hash/crc32"

	"dss.example/common/disk"
)

// Scan calls fn with every record and every stretch of damage, in order of offsets, and
// tells how the segment ends. synced is an offset up to which the caller knows that the
// file was synced: 0 if it knows nothing, [MaxSize] if all was. The Payload is fn's only
// until it returns. fn's error ends the scan and is returned.
//
// Damage is what does not check before the newest mark; if the head of the record checks,
// it is that record, else all up to the next record. The first thing that is no record
// behind the newest mark is the tail, and so is, whatever the caller knows, one that no
// record follows.
func (s *Segment) Scan(synced int64, fn func(Record) error) (Tail, error) {
	sc := scanner{
		window:  window{file: s.file, limit: s.limit},
		segment: s, at: HeaderSize, next: s.header.First, synced: max(synced, HeaderSize),
	}
	if !s.intact {
		err := fn(Record{Size: HeaderSize, Number: s.header.First, Damaged: true})
		if err != nil {
			return Tail{}, err
		}
	}
	for {
		r, err := sc.record()
		switch {
		case err != nil:
			return Tail{}, err
		case r.Size == 0:
			return sc.tail(), nil
		case r.Kind == mark && !r.Damaged:
		default:
			if err := fn(r); err != nil {
				return Tail{}, err
			}
		}
	}
}

// scanner is one Scan.
type scanner struct {
	window
	segment  *Segment
	at       int64  // where the next record should begin
	next     uint64 // the number that it should have
	marked   int64  // the newest mark seen
	synced   int64  // what is bad before it is damage
	surveyed bool
	last     int64 // once surveyed: where the last record begins whose head checks
	dirty    int64 // once surveyed: behind the last byte that is not zero
}

// record returns what stands at sc.at, a record or damage, and goes behind it. A Size of 0
// says that it is the tail.
func (sc *scanner) record() (Record, error) {
	r, err := sc.read()
	if err != nil {
		return r, err
	}
	if r.Damaged {
		if isTail, err := sc.isTail(); err != nil || isTail {
			return Record{}, err
		}
		if r.Size == 0 {
			if r, err = sc.skip(); err != nil || r.Size == 0 {
				return Record{}, err
			}
		}
	}
	sc.at += r.Size
	sc.next = r.Number + r.Lost
	if !r.Damaged && r.Kind < Note {
		sc.next++
	}
	return r, nil
}

// read reads the record at sc.at. It is Damaged if it does not check, with a Size of 0 if
// not even its head does. A head checks if it is that of number sc.next; then its mark and
// its length are believed, so that the next record can be found behind a bad payload, which
// has Lost what the record takes. The Size ends with the file. The Payload is a part of the
// window.
//
//ds:todo p2.6
func (sc *scanner) read() (Record, error) {
	r := Record{Offset: sc.at, Number: sc.next, Damaged: true}
	b, err := sc.from(sc.at, HeadSize)
	if err != nil {
		return r, err
	}
	h, ok := sc.segment.header.parseHead(b, sc.at, sc.next, sc.next)
	if !ok {
		return r, nil
	}
	sc.believe(&h)
	r.Kind, r.Size = h.kind, min(h.size(), sc.limit-sc.at)
	if b, err = sc.from(sc.at, int(h.size())); err != nil {
		return r, err
	}
	if r.Size < h.size() || crc32.Checksum(b[HeadSize:r.Size], castagnoli) != h.sum {
		r.Lost = h.takes()
		return r, nil
	}
	r.Damaged, r.Payload = false, b[HeadSize:r.Size:r.Size]
	return r, nil
}

// believe takes the mark of a head that checks.
func (sc *scanner) believe(h *head) {
	sc.marked = max(sc.marked, h.synced)
	sc.synced = max(sc.synced, h.synced)
}

// isTail decides about something bad at sc.at, when the survey knows the newest mark and the
// last record. It is the tail if it was never known to be durable, or no record follows.
//
//ds:todo p2.6
func (sc *scanner) isTail() (bool, error) {
	if err := sc.survey(); err != nil {
		return false, err
	}
	return sc.at >= sc.synced || sc.at > sc.last, nil
}

// survey looks, once, at everything from sc.at to the end of the file for the marks of
// later records, and says in sc.last where the last head is and in sc.dirty where the last
// byte is that is not zero. It jumps from head to head and does not look at payloads, whose
// bytes count as not zero. It works on a copy: what is buffered at sc.at stays, and no more
// of the scanner changes.
//
//ds:todo p2.6
func (sc *scanner) survey() error {
	if sc.surveyed {
		return nil
	}
	sc.surveyed = true
	ahead := *sc // leaves what is buffered at sc.at where it is
	for at := sc.at; ; {
		h, found, err := ahead.find(at)
		if err != nil {
			return err
		}
		if found < 0 {
			break
		}
		sc.believe(&h)
		sc.last = found
		at = found + h.size()
		ahead.dirty = max(ahead.dirty, min(at, sc.limit))
	}
	sc.dirty = ahead.dirty
	return nil
}

// find returns the first head that checks at or behind an offset, and where it is; -1 if
// there is none. A gap of n bytes has at most n/HeadSize records in it, which bounds the
// number that a head can have. sc.dirty goes behind all bytes passed that are not zero.
func (sc *scanner) find(from int64) (head, int64, error) {
	for from < sc.limit {
		b, err := sc.from(from, HeadSize)
		if err != nil {
			return head{}, -1, err
		}
		if !zero(b) {
			for i := 0; i+HeadSize <= len(b); i++ {
				at := from + int64(i)
				most := sc.next + uint64(at-sc.at)/HeadSize
				if h, ok := sc.segment.header.parseHead(b[i:], at, sc.next, most); ok {
					return h, at, nil
				}
			}
			sc.dirty = max(sc.dirty, from+int64(len(bytes.TrimRight(b, "\x00"))))
		}
		from += max(int64(len(b)-HeadSize+1), 1)
	}
	return head{}, -1, nil
}

// zero tells whether all bytes are zero, much faster than a loop.
func zero(b []byte) bool {
	return len(b) == 0 || b[0] == 0 && bytes.Equal(b[1:], b[:len(b)-1])
}

// skip returns the damage from sc.at to the next record, with Size 0 if there is none.
//
//ds:todo p2.6
func (sc *scanner) skip() (Record, error) {
	h, at, err := sc.find(sc.at + 1)
	if err != nil || at < 0 {
		return Record{}, err
	}
	return Record{
		Offset: sc.at, Size: at - sc.at,
		Number: sc.next, Lost: h.number - sc.next, Damaged: true,
	}, nil
}

// tail tells how the segment ends, at sc.at.
func (sc *scanner) tail() Tail {
	return Tail{
		End: sc.at, Next: sc.next, Synced: max(sc.marked, HeaderSize),
		Torn:   max(sc.dirty-sc.at, 0),
		Broken: sc.segment.short || !sc.segment.intact && sc.at == HeaderSize,
	}
}

// windowSize is how many bytes a window reads at once, if no record is longer.
const windowSize = 256 << 10

// window is the part of a file that is in memory.
type window struct {
	file  *disk.File
	limit int64 // it ends there
	at    int64
	b     []byte
}

// from returns the bytes from an offset on that are in memory, at least n of them unless
// the file ends before.
func (w *window) from(offset int64, n int) ([]byte, error) {
	want := min(int64(n), w.limit-offset)
	if want <= 0 {
		return nil, nil
	}
	if offset < w.at || offset+want > w.at+int64(len(w.b)) {
		b, err := w.file.ReadFull(offset, int(min(max(want, windowSize), w.limit-offset)))
		if err != nil {
			return nil, err
		}
		w.at, w.b = offset, b
	}
	return w.b[offset-w.at:], nil
}
