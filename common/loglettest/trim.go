package loglettest

import (
	"context"
	"slices"

	"dss.example/common/loglet"
)

func trimChecks() []Check {
	return []Check{
		promise("a trim takes what is before it and nothing else", checkTrim),
		promise("what is trimmed is told as trimmed", checkTrimmed),
		promise("a trim of everything leaves a log that goes on", checkTrimAll),
		promise("a trim beyond the tail is refused and trims nothing", checkTrimBeyond),
	}
}

func checkTrim(s *subject) {
	all := s.append(0, texts("entry", 9)...)
	if s.failed() {
		return
	}
	for _, trim := range []struct{ to, first int }{{2, 2}, {5, 5}, {5, 5}, {3, 5}, {0, 5}} {
		s.trim(trim.to%2, all[trim.to].pos)
		s.holds(0, all[trim.first:])
		if b := s.tail(0); b.Head != all[trim.first].pos {
			s.failf("the head is %d after a trim to %d, want %d", b.Head, all[trim.to].pos, all[trim.first].pos)
		}
	}
	s.trim(0, 0)
	s.holds(1, slices.Concat(all[5:], s.append(0, "the next")))
}

func checkTrimmed(s *subject) {
	all := s.append(0, texts("entry", 4)...)
	if s.failed() {
		return
	}
	s.trim(0, all[2].pos)
	s.readFails(0, 1, all[3].pos, loglet.ErrTrimmed)
	s.readFails(1, all[0].pos, all[0].pos+1, loglet.ErrTrimmed)
	s.readFails(1, all[1].pos, all[3].pos+1, loglet.ErrTrimmed)
	s.readFails(0, all[2].pos-1, all[3].pos, loglet.ErrTrimmed)
	s.holds(1, all[2:])
}

func checkTrimAll(s *subject) {
	s.append(0, texts("entry", 4)...)
	b := s.tail(0)
	s.trim(1, b.Tail)
	s.holds(0, nil)
	if after := s.tail(0); after.Head != b.Tail || after.Tail < b.Tail {
		s.failf("the log spans %+v after a trim to its tail, %+v before", after, b)
	}
	next := s.append(0, "the next")
	if !s.failed() && next[0].pos < b.Tail {
		s.failf("an append at %d after a trim to %d", next[0].pos, b.Tail)
	}
	s.holds(0, next)
}

func checkTrimBeyond(s *subject) {
	all := s.append(0, texts("entry", 4)...)
	b := s.tail(0)
	if s.failed() {
		return
	}
	s.wants("Trim beyond the tail", s.w.Log(0).Trim(context.Background(), b.Tail+1), loglet.ErrUnwritten)
	if after := s.tail(0); after != b {
		s.failf("the log spans %+v after a trim beyond the tail, %+v before", after, b)
	}
	s.holds(0, all)
}
