package main

import (
	"bytes"

	"dss.example/p2-persist/judged/pipe"
	"dss.example/p2-persist/segment"
	"dss.example/p2-persist/wal"
)

// kind is what the segments of the judge are for.
const kind = 'j'

func segmentVerbs() map[string]verb {
	return map[string]verb{
		"segment.create": segmentCreate, "segment.append": segmentAppend, "segment.scan": segmentScan, "segment.resume": segmentResume, "segment.read": segmentRead,
		"segment.flush": func(w *world, _ pipe.Message) (pipe.Message, error) { return texts(), w.writer.Flush() },
		"segment.sync":  func(w *world, _ pipe.Message) (pipe.Message, error) { return texts(), w.writer.Sync() },
		"segment.close": func(w *world, _ pipe.Message) (pipe.Message, error) { return texts(), w.writer.Close() },
		"segment.publish": func(w *world, m pipe.Message) (pipe.Message, error) {
			return texts(), w.writer.Publish(w.fs(), string(m.Bytes[0]))
		},
	}
}

// segmentCreate begins a segment: name; first number, size.
func segmentCreate(w *world, m pipe.Message) (pipe.Message, error) {
	s, err := segment.Create(w.fs(), string(m.Bytes[0]), segment.Header{Kind: kind, First: m.Numbers[0]}, int64(m.Numbers[1]))
	w.writer = s
	return texts(), err
}

// segmentAppend appends a record, of a kind, in two parts, and then spoils its own copy.
func segmentAppend(w *world, m pipe.Message) (pipe.Message, error) {
	b := bytes.Clone(m.Bytes[0])
	offset, err := w.writer.Append(segment.Kind(m.Numbers[0]), b[:len(b)/2], b[len(b)/2:])
	clear(b)
	return numbers(uint64(offset)), err
}

// scan opens a segment and scans it: name; first number, and what was synced. The answer
// has six numbers and a payload for each record, and at last five of the tail.
func scan(w *world, m pipe.Message) (answer pipe.Message, tail segment.Tail, err error) {
	if w.segment, err = segment.Open(w.fs(), string(m.Bytes[0]), segment.Header{Kind: kind, First: m.Numbers[0]}); err != nil {
		return answer, tail, err
	}
	tail, err = w.segment.Scan(int64(m.Numbers[1]), func(r segment.Record) error {
		answer.Numbers = append(answer.Numbers, uint64(r.Offset), uint64(r.Size), uint64(r.Kind), r.Number, flag(r.Damaged), r.Lost)
		answer.Bytes = append(answer.Bytes, bytes.Clone(r.Payload))
		return nil
	})
	answer.Numbers = append(answer.Numbers, uint64(tail.End), tail.Next, uint64(tail.Synced), uint64(tail.Torn), flag(tail.Broken))
	return answer, tail, err
}

func segmentScan(w *world, m pipe.Message) (pipe.Message, error) {
	answer, _, err := scan(w, m)
	if err != nil {
		return answer, err
	}
	return answer, w.segment.Close()
}

// segmentResume scans, and goes on at the tail.
func segmentResume(w *world, m pipe.Message) (pipe.Message, error) {
	answer, tail, err := scan(w, m)
	if err == nil {
		w.writer, err = w.segment.Resume(tail)
	}
	return answer, err
}

// segmentRead reads a record of the segment that is written: offset, size.
func segmentRead(w *world, m pipe.Message) (pipe.Message, error) {
	r, err := w.writer.Segment().ReadAt(int64(m.Numbers[0]), int64(m.Numbers[1]))
	return pipe.Message{Numbers: []uint64{uint64(r.Kind), r.Number}, Bytes: [][]byte{r.Payload}}, err
}

func walVerbs() map[string]verb {
	return map[string]verb{
		"wal.open": walOpen, "wal.append": walAppend, "wal.replay": walReplay,
		"wal.sync":  func(w *world, _ pipe.Message) (pipe.Message, error) { return texts(), w.log.Sync() },
		"wal.trim":  func(w *world, m pipe.Message) (pipe.Message, error) { return texts(), w.log.Trim(m.Numbers[0]) },
		"wal.next":  func(w *world, _ pipe.Message) (pipe.Message, error) { return numbers(w.log.Next()), nil },
		"wal.close": func(w *world, _ pipe.Message) (pipe.Message, error) { return texts(), w.log.Close() },
	}
}

// walOpen opens the log with segments of some size, and answers what it has found.
func walOpen(w *world, m pipe.Message) (pipe.Message, error) {
	l, r, err := wal.Open(w.fs(), "log", wal.Options{SegmentSize: int64(m.Numbers[0])})
	if err != nil {
		return texts(), err
	}
	w.log = l
	return numbers(uint64(r.Segments), r.First, r.Next, uint64(r.Torn), r.Lost, uint64(len(r.Damage)+r.More)), nil
}

// walAppend appends a record, and then spoils its own copy.
func walAppend(w *world, m pipe.Message) (pipe.Message, error) {
	b := bytes.Clone(m.Bytes[0])
	seq, err := w.log.Append(b)
	clear(b)
	return numbers(seq), err
}

// walReplay answers two numbers for each record: its own, and whether it is damaged.
func walReplay(w *world, _ pipe.Message) (answer pipe.Message, err error) {
	err = w.log.Replay(func(seq uint64, b []byte, damaged bool) error {
		answer.Numbers = append(answer.Numbers, seq, flag(damaged))
		answer.Bytes = append(answer.Bytes, bytes.Clone(b))
		return nil
	})
	return answer, err
}
