package wal

import (
	"errors"
	"fmt"
	"path"
	"strconv"

	"dss.example/p2-persist/segment"
)

// name returns the name of the segment that begins with a record.
func (l *Log) name(first uint64) string {
	return path.Join(l.dir, fmt.Sprintf("%0*d%s", nameDigits, first, suffix))
}

// parseName is name backwards, without the directory; 0 is no segment's name.
func parseName(name string) uint64 {
	if len(name) != nameDigits+len(suffix) || name[nameDigits:] != suffix {
		return 0
	}
	first, err := strconv.ParseUint(name[:nameDigits], 10, 62) // so that no sum overflows
	if err != nil {
		return 0
	}
	return first
}

// list returns the segments that there are, by the numbers of their first records.
func (l *Log) list() ([]uint64, error) {
	names, err := l.fs.List(l.dir)
	if err != nil {
		return nil, err
	}
	var firsts []uint64
	for _, name := range names { // sorted, and the names are of one length
		if first := parseName(name); first != 0 {
			firsts = append(firsts, first)
		}
	}
	return firsts, nil
}

// visitor is called with a record or damage and the name of the segment it is in.
type visitor func(name string, r segment.Record) error

// walk visits everything in the log, in order: what is missing before the first segment,
// between two, and at the end of one is damage.
func (l *Log) walk(visit visitor) error {
	if err := visitLost(l.name(l.firsts[0]), 0, l.first, l.firsts[0], visit); err != nil {
		return err
	}
	for i, until := range l.firsts[1:] {
		if err := l.walkSealed(l.firsts[i], until, visit); err != nil {
			return err
		}
	}
	return walkSegment(l.last.Segment().Name(), l.Next(), l.last.Scan, visit)
}

// walkSealed visits what is in a segment that is not the last.
func (l *Log) walkSealed(first, until uint64, visit visitor) error {
	s, err := segment.Open(l.fs, l.name(first), segment.Header{Kind: kind, First: first})
	if err != nil {
		return err
	}
	err = walkSegment(s.Name(), until, func(fn func(segment.Record) error) (segment.Tail, error) {
		return s.Scan(segment.MaxSize, fn)
	}, visit)
	return errors.Join(err, s.Close())
}

// walkSegment visits what is in a segment, all of which is known to be synced or to have
// been appended by this process, and whose records end before number until.
func walkSegment(name string, until uint64, scan func(func(segment.Record) error) (segment.Tail, error), visit visitor) error {
	tail, err := scan(func(r segment.Record) error {
		if r.Number+r.Lost > until || r.Kind == record && r.Number == until {
			return fmt.Errorf("%w: %q has record %d, which is in the next one too", ErrDamaged, name, r.Number)
		}
		return visit(name, r)
	})
	if err == nil && tail.Next == until && (tail.Torn > 0 || tail.Broken) { // nothing that is needed
		err = visit(name, segment.Record{Offset: tail.End, Size: tail.Torn, Number: until, Damaged: true})
	}
	if err != nil {
		return err
	}
	return visitLost(name, tail.End, tail.Next, until, visit)
}

// visitLost visits the damage that has swallowed the records from next to until, if there
// are any.
func visitLost(name string, offset int64, next, until uint64, visit visitor) error {
	switch {
	case next >= until:
		return nil
	case until-next > MaxLost:
		return fmt.Errorf("%w: %d records are missing before %d", ErrDamaged, until-next, until)
	}
	return visit(name, segment.Record{Offset: offset, Number: next, Lost: until - next, Damaged: true})
}
