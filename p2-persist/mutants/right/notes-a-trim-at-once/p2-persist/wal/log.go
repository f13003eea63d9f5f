package wal

import (
	"encoding/binary"
	"errors"
	"fmt"

	"dss.example/common/disk"
	"dss.example/common/stable"
	"dss.example/p2-persist/segment"
)

// Log is a [stable.Log] in files. One goroutine uses it at a time.
type Log struct {
	fs     disk.FS
	dir    string
	size   int64 // of a segment
	lock   *disk.File
	firsts []uint64 // the segments, by the number of their first record; never empty
	last   *segment.Writer
	first  uint64 // records before it are trimmed
	noted  uint64 // what the last segment's newest note says first is
	dead   error  // ErrFailed with its cause, or ErrClosed
}

var _ stable.Log = (*Log)(nil)

// Append implements stable.Log. It may write to the disk, and fail as Sync does: a record
// for which the last segment has no room goes to a new one. A record that is too large is
// refused before anything is done; every other error kills the log.
func (l *Log) Append(b []byte) (uint64, error) {
	switch {
	case l.dead != nil:
		return 0, l.dead
	case len(b) > stable.MaxRecord:
		return 0, stable.ErrTooLarge
	}
	seq := l.last.Next()
	_, err := l.last.Append(record, b)
	if errors.Is(err, segment.ErrFull) {
		if err = l.rotate(len(b)); err == nil {
			_, err = l.last.Append(record, b)
		}
	}
	if l.fail(err) != nil {
		return 0, l.dead
	}
	return seq, nil
}

// Sync implements stable.Log. The trim is among what was appended.
func (l *Log) Sync() error {
	if l.dead != nil {
		return l.dead
	}
	if err := l.fail(l.last.Sync()); err != nil {
		return err
	}
	return l.fail(l.removeTrimmed())
}

func (l *Log) appendTrim(w *segment.Writer) error {
	_, err := w.Append(trimmed, binary.LittleEndian.AppendUint64(nil, l.first))
	return err
}

// rotate goes on in a new segment that has room for a record of need bytes. What was
// appended before is durable then, and was before the new segment got its name: that a later
// segment exists proves it. So the old file is closed without the mark of a Writer.
func (l *Log) rotate(need int) error {
	next := l.last.Next()
	if err := l.last.Sync(); err != nil {
		return err
	}
	if err := l.last.Segment().Close(); err != nil {
		return err
	}
	return l.begin(next, need)
}

// begin makes a new segment the last one. One that is empty has the same name, and is
// replaced.
func (l *Log) begin(first uint64, need int) error {
	const heads = segment.HeaderSize + 3*segment.HeadSize + trimSize // of the note, a record, the mark
	name := l.name(first)
	w, err := segment.Create(l.fs, name, segment.Header{Kind: kind, First: first}, max(l.size, heads+int64(need)))
	if err != nil {
		return err
	}
	l.last = w
	if err := l.appendTrim(w); err != nil {
		return err
	}
	if err := w.Publish(l.fs, name); err != nil {
		return err
	}
	l.noted = l.first
	if n := len(l.firsts); n == 0 || l.firsts[n-1] != first {
		l.firsts = append(l.firsts, first)
	}
	return nil
}

// removeTrimmed removes the segments before the one that holds the first record.
func (l *Log) removeTrimmed() error {
	holds := 0
	for holds+1 < len(l.firsts) && l.firsts[holds+1] <= l.first {
		holds++
	}
	for i, first := range l.firsts[:holds] {
		if err := l.fs.Remove(l.name(first)); err != nil {
			l.firsts = l.firsts[i:]
			return err
		}
	}
	l.firsts = l.firsts[holds:]
	return nil
}

// Trim implements stable.Log. Like a record, the note of it is in memory first, unless it
// takes a new segment.
func (l *Log) Trim(seq uint64) error {
	if l.dead != nil {
		return l.dead
	}
	if seq > l.Next() {
		return fmt.Errorf("%w: to %d, next is %d", stable.ErrTrim, seq, l.Next())
	}
	if seq <= l.first {
		return nil
	}
	l.first = seq
	err := l.appendTrim(l.last)
	if errors.Is(err, segment.ErrFull) {
		err = l.rotate(0)
	}
	return l.fail(err)
}

// Replay implements stable.Log: it passes on the records that are not trimmed, and damage as
// so many damaged records. It writes what was appended, so that it can be read; if that
// fails the log is dead. An error of reading, or fn's, leaves it as it is.
func (l *Log) Replay(fn func(seq uint64, record []byte, damaged bool) error) error {
	if l.dead != nil {
		return l.dead
	}
	if err := l.last.Flush(); err != nil {
		return l.fail(err)
	}
	return l.walk(func(_ string, r segment.Record) error {
		switch {
		case r.Damaged:
			return l.eachLost(r, fn)
		case r.Kind == record && r.Number >= l.first:
			return fn(r.Number, r.Payload, false)
		}
		return nil
	})
}

// eachLost passes on the damaged records of a stretch that are not trimmed.
func (l *Log) eachLost(r segment.Record, fn func(uint64, []byte, bool) error) error {
	for seq := max(r.Number, l.first); seq < r.Number+r.Lost; seq++ {
		if err := fn(seq, nil, true); err != nil {
			return err
		}
	}
	return nil
}

// Next implements stable.Log.
func (l *Log) Next() uint64 { return l.last.Next() }

// Close implements stable.Log. What was not synced may be lost.
func (l *Log) Close() error {
	if errors.Is(l.dead, stable.ErrClosed) {
		return l.dead
	}
	err := l.last.Close()
	if l.dead != nil { // and has told why
		err = nil
	}
	l.dead = stable.ErrClosed
	return errors.Join(err, l.lock.Close())
}

// fail kills the log if there is an error.
func (l *Log) fail(err error) error {
	if err != nil {
		l.dead = fmt.Errorf("%w: %w", stable.ErrFailed, err)
	}
	return l.dead
}
