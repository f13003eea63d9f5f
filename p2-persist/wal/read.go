package wal

import (
	"errors"
	"fmt"

	"dss.example/common/disk"
	"dss.example/p2-persist/segment"
)

// ErrTrimmed is a record that is not kept any more.
var ErrTrimmed = errors.New("records are not kept any more")

// errEnough ends a scan.
var errEnough = errors.New("enough")

// Read calls fn with the records from number from to number to of the log in a directory,
// in order. It takes no lock and changes nothing: it may be called by anyone while a Log
// appends there. All these records must have been synced before the call, for what is
// behind them may be half written.
//
// A payload is fn's only until it returns; fn's error ends it and is returned. Errors:
// ErrTrimmed if the first record is not there, or a Sync removes a segment meanwhile;
// ErrDamaged with the number of the first record that does not check; disk's.
func Read(fs disk.FS, dir string, from, to uint64, fn func(seq uint64, record []byte) error) error {
	if from > to {
		return nil
	}
	l := &Log{fs: fs, dir: dir}
	firsts, err := l.list()
	if err != nil {
		return err
	}
	for len(firsts) > 1 && firsts[1] <= from {
		firsts = firsts[1:]
	}
	if len(firsts) == 0 || firsts[0] > from {
		return fmt.Errorf("%w: record %d", ErrTrimmed, from)
	}
	r := reading{next: from, to: to, fn: fn}
	for _, first := range firsts {
		if err := l.readSegment(first, &r); err != nil || r.next > to {
			return err
		}
	}
	return r.missing()
}

// readSegment reads on in the segment that begins with record first.
func (l *Log) readSegment(first uint64, r *reading) error {
	s, err := segment.Open(l.fs, l.name(first), segment.Header{Kind: kind, First: first})
	if errors.Is(err, disk.NotFound) {
		return fmt.Errorf("%w: record %d: %w", ErrTrimmed, r.next, err)
	}
	if err != nil {
		return err
	}
	_, err = s.Scan(0, r.visit)
	if errors.Is(err, errEnough) {
		err = nil
	}
	return errors.Join(err, s.Close())
}

// reading is one Read.
type reading struct {
	next, to uint64 // the record that fn gets next, and the last one
	fn       func(uint64, []byte) error
}

// visit passes a record on if its turn has come.
func (r *reading) visit(found segment.Record) error {
	switch {
	case found.Damaged && found.Number+found.Lost > r.next, found.Number > r.next:
		return r.missing()
	case found.Damaged, found.Kind != record, found.Number < r.next:
		return nil
	}
	r.next++
	if err := r.fn(found.Number, found.Payload); err != nil || r.next <= r.to {
		return err
	}
	return errEnough // what follows may be half written
}

func (r *reading) missing() error {
	return fmt.Errorf("%w: record %d does not check or is missing", ErrDamaged, r.next)
}
