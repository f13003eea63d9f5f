package loglettest

import (
	"strings"

	"dss.example/common/loglet"
)

func pageChecks() []Check {
	return []Check{
		promise("pages make up the whole", checkPages),
		promise("pages keep their bound in bytes", checkHeavyPages),
		promise("a range is read and nothing beside it", checkRanges),
		promise("nothing is read beyond the tail", checkBeyond),
	}
}

func checkPages(s *subject) {
	var want []item
	for range 5 {
		want = append(want, s.append(0, texts("entry", loglet.MaxBatch)...)...)
	}
	s.holds(0, want)
}

func checkHeavyPages(s *subject) {
	var want []item
	for _, part := range []int{2, 3, 3, 1, 2, 100, 100} {
		want = append(want, s.append(0, strings.Repeat("h", loglet.MaxBytes/part))...)
	}
	s.holds(0, want)
}

func checkRanges(s *subject) {
	var all []item
	for range 4 {
		all = append(all, s.append(0, texts("entry", 3)...)...)
	}
	end := s.tail(0).Tail
	for from := range all {
		for to := from + 1; to <= len(all); to++ {
			last := end
			if to < len(all) {
				last = all[to].pos
			}
			s.same("a range", s.read(0, all[from].pos, last), all[from:to])
		}
	}
}

func checkBeyond(s *subject) {
	all := s.append(0, texts("entry", 3)...)
	b := s.tail(0)
	for _, from := range []loglet.Pos{b.Tail, b.Tail + 1, b.Tail + 1_000_000} {
		s.readFails(0, from, from+1, loglet.ErrUnwritten)
		s.readFails(0, from, from+1_000_000, loglet.ErrUnwritten)
	}
	if s.failed() {
		return
	}
	got, from := []item(nil), all[0].pos
	for from < b.Tail && !s.failed() {
		more, next := s.page(0, from, b.Tail+1_000_000)
		if next > b.Tail {
			s.failf("a page is to go on from %d, the tail is %d", next, b.Tail)
		}
		got, from = append(got, more...), next
	}
	s.same("a range beyond the tail", got, all)
	s.holds(0, append(all, s.append(0, "the next")...))
}
