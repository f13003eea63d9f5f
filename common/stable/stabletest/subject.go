package stabletest

import (
	"errors"
	"fmt"

	"dss.example/common/stable"
)

// subject is the log under test on its disk. The first broken promise sticks in
// err and makes the rest of a check do nothing.
type subject struct {
	disk Disk
	log  stable.Log
	err  error
}

type record struct {
	seq     uint64
	text    string
	damaged bool
}

func open(d Disk) *subject {
	s := &subject{disk: d}
	s.up()
	if s.err != nil {
		s.log = noLog{s.err}
	}
	return s
}

// fail keeps err if it is the first.
func (s *subject) fail(what string, err error) {
	if s.err == nil && err != nil {
		s.err = fmt.Errorf("%s: %w", what, err)
	}
}

// wants demands that got is the given sentinel.
func (s *subject) wants(what string, got, want error) {
	if s.err == nil && !errors.Is(got, want) {
		s.err = fmt.Errorf("%s returned %v, want %w", what, got, want)
	}
}

func (s *subject) up() {
	if s.err != nil {
		return
	}
	log, err := s.disk.Open()
	s.fail("Open", err)
	if err == nil {
		s.log = log
	}
}

func (s *subject) down() {
	if s.err == nil {
		s.fail("Close", s.log.Close())
	}
}

func (s *subject) reopen() {
	s.down()
	s.up()
}

func (s *subject) crash() {
	if s.err == nil {
		s.disk.Crash()
	}
	s.up()
}

// append demands that the record gets the given number.
func (s *subject) append(seq uint64, text string) {
	if s.err != nil {
		return
	}
	got, err := s.log.Append([]byte(text))
	s.fail("Append", err)
	if s.err == nil && got != seq {
		s.err = fmt.Errorf("Append returned number %d, want %d", got, seq)
	}
	if next := s.log.Next(); s.err == nil && next != seq+1 {
		s.err = fmt.Errorf("after record %d Next is %d", seq, next)
	}
}

func (s *subject) appendSynced(texts ...string) {
	for _, text := range texts {
		s.append(s.log.Next(), text)
	}
	s.sync()
}

func (s *subject) sync() {
	if s.err == nil {
		s.fail("Sync", s.log.Sync())
	}
}

func (s *subject) trim(seq uint64) {
	if s.err == nil {
		s.fail("Trim", s.log.Trim(seq))
	}
}

// replay returns what the log holds. Damaged records must come without bytes.
func (s *subject) replay() []record {
	if s.err != nil {
		return nil
	}
	var all []record
	err := s.log.Replay(func(seq uint64, b []byte, damaged bool) error {
		if damaged && b != nil {
			return fmt.Errorf("record %d is damaged and comes with %d bytes", seq, len(b))
		}
		all = append(all, record{seq, string(b), damaged})
		for i := range b {
			b[i] ^= 0xff // the bytes are ours until we return
		}
		return nil
	})
	s.fail("Replay", err)
	return all
}

// holds demands that the log holds exactly these records, from number first on,
// twice: a replay must not change the log.
func (s *subject) holds(first uint64, texts ...string) {
	for range 2 {
		got := s.replay()
		if s.err == nil && len(got) != len(texts) {
			s.err = fmt.Errorf("replay gave %d records, want %d from number %d", len(got), len(texts), first)
		}
		for i := 0; s.err == nil && i < len(got); i++ {
			if want := (record{seq: first + uint64(i), text: texts[i]}); got[i] != want {
				s.err = fmt.Errorf("replay gave number %d, %.40q (damaged: %v), want number %d, %.40q",
					got[i].seq, got[i].text, got[i].damaged, want.seq, want.text)
			}
		}
	}
	if next := s.log.Next(); s.err == nil && next != first+uint64(len(texts)) {
		s.err = fmt.Errorf("Next is %d behind %d records from number %d", next, len(texts), first)
	}
}

// noLog stands where no log could be opened, so that a check can go on to its
// end.
type noLog struct{ err error }

func (n noLog) Append([]byte) (uint64, error)                 { return 0, n.err }
func (n noLog) Sync() error                                   { return n.err }
func (n noLog) Replay(func(uint64, []byte, bool) error) error { return n.err }
func (n noLog) Trim(uint64) error                             { return n.err }
func (n noLog) Next() uint64                                  { return 0 }
func (n noLog) Close() error                                  { return n.err }
