package wal

import (
	"encoding/binary"
	"errors"
	"fmt"

	"dss.example/common/disk"
	"dss.example/p2-persist/segment"
)

// Open opens the log in a directory, which is made if it is missing, and recovers it. It
// holds the directory's lock until Close: else ErrLocked. A Report comes with the Log only.
func Open(fs disk.FS, dir string, o Options) (*Log, Report, error) {
	if o.SegmentSize == 0 {
		o.SegmentSize = DefaultSegment
	}
	if o.SegmentSize < MinSegment || o.SegmentSize > segment.MaxSize {
		return nil, Report{}, fmt.Errorf("%w: %d bytes, want %d to %d", ErrOptions, o.SegmentSize, MinSegment, segment.MaxSize)
	}
	if err := fs.MakeAll(dir); err != nil {
		return nil, Report{}, err
	}
	l := &Log{fs: fs, dir: dir, size: o.SegmentSize}
	lock, err := fs.Lock(dir + "/" + lockName)
	if errors.Is(err, disk.Locked) {
		err = fmt.Errorf("%w: %w", ErrLocked, err)
	}
	if err != nil {
		return nil, Report{}, err
	}
	l.lock = lock
	report, err := l.recover()
	if err != nil {
		return nil, Report{}, errors.Join(err, l.abandon())
	}
	return l, report, nil
}

// abandon closes what Open has opened before it failed.
func (l *Log) abandon() error {
	if l.last != nil {
		return errors.Join(l.last.Segment().Close(), l.lock.Close())
	}
	return l.lock.Close()
}

// recover finds the segments, resumes the last one, or makes the first, and looks through
// all of them.
func (l *Log) recover() (Report, error) {
	if err := l.fs.RemoveTemps(l.dir); err != nil {
		return Report{}, err
	}
	firsts, err := l.list()
	if err != nil {
		return Report{}, err
	}
	var r Report
	if l.firsts = firsts; len(firsts) == 0 {
		l.first = 1
		err = l.begin(1, 0)
	} else {
		r.Torn, err = l.resume()
	}
	if err == nil {
		err = l.inspect(&r)
	}
	r.Segments, r.First = len(l.firsts), l.first
	if err == nil {
		r.Next = l.Next()
	}
	return r, err
}

// resume makes ready to append to the last segment, whose torn tail it cuts, and takes the
// trim from its notes. It returns how many bytes it has cut. The caller closes l.last if
// there is an error; what else was opened is closed.
//
// A segment got its name when its first noteEnd bytes were durable. So if it is broken, or
// not even a damaged note is where its records begin, that is no tail: it stays as it is, and
// the log goes on behind it (leave). If no note can be read, the log is taken to begin where
// its files do.
//
// At the end, when a trim is known, segments that a crash has brought back are removed.
//
//ds:todo p2.7
func (l *Log) resume() (torn int64, err error) {
	first := l.firsts[len(l.firsts)-1]
	s, err := segment.Open(l.fs, l.name(first), segment.Header{Kind: kind, First: first})
	if err != nil {
		return 0, err
	}
	tail, err := s.Scan(noteEnd, func(r segment.Record) error { l.learn(r); return nil })
	broken := tail.Broken || tail.End == segment.HeaderSize // not even the note is there
	if broken {
		tail.Torn = 0 // nobody knows that it is a tail: it stays
	}
	if err == nil {
		l.last, err = s.Resume(tail)
	}
	if err != nil {
		return 0, errors.Join(err, s.Close())
	}
	if l.noted = l.first; l.first == 0 { // the note is damaged
		l.first = l.firsts[0]
	}
	if broken {
		err = l.leave(tail.Next)
	}
	if err == nil {
		err = l.removeTrimmed()
	}
	return tail.Torn, err
}

// leave goes on behind a segment of which nobody knows what it held, so that one record is
// missing between them for what that was.
func (l *Log) leave(next uint64) error {
	if err := l.last.Segment().Close(); err != nil {
		return err
	}
	return l.begin(next+1, 0)
}

// learn takes the trim that a note tells: not from damage, and nothing that makes no sense,
// as a trim of records that were not there yet when it was noted.
//
//ds:todo p2.7
func (l *Log) learn(r segment.Record) {
	if r.Kind != trimmed || r.Damaged || len(r.Payload) != trimSize {
		return
	}
	if first := binary.LittleEndian.Uint64(r.Payload); first <= r.Number {
		l.first = max(l.first, first)
	}
}

// inspect looks through all segments for damage.
func (l *Log) inspect(r *Report) error {
	return l.walk(func(name string, found segment.Record) error {
		if found.Damaged {
			r.add(l.first, Damage{
				File: name, Offset: found.Offset, Size: found.Size, First: found.Number, Lost: found.Lost,
			})
		}
		return nil
	})
}

// add adds damage, with those of its records that are not trimmed.
func (r *Report) add(first uint64, d Damage) {
	end := d.First + d.Lost
	d.First = max(d.First, min(first, end))
	d.Lost = end - d.First
	r.Lost += d.Lost
	if len(r.Damage) == MaxDamage {
		r.More++
		return
	}
	r.Damage = append(r.Damage, d)
}
