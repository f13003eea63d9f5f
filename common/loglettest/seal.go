package loglettest

import (
	"dss.example/common/loglet"
)

func sealChecks() []Check {
	return []Check{
		promise("a sealed log takes nothing more and is still read", checkSeal),
		promise("to seal again changes nothing", checkSealTwice),
		promise("a sealed log is trimmed", checkSealTrim),
		promise("an empty log is sealed", checkSealEmpty),
	}
}

func checkSeal(s *subject) {
	all := s.append(0, texts("entry", 4)...)
	s.seal(0)
	end := s.tail(1)
	if !end.Sealed {
		s.failf("Tail does not tell that the log is sealed")
	}
	for client := range 3 {
		s.refuses(client, loglet.ErrSealed, "too late", "for two")
		s.holds(client, all)
	}
	if after := s.tail(0); after != end {
		s.failf("a sealed log spanned %+v and spans %+v", end, after)
	}
	s.readFails(0, end.Tail, end.Tail+1, loglet.ErrUnwritten)
}

func checkSealTwice(s *subject) {
	all := s.append(0, texts("entry", 2)...)
	s.seal(0)
	end := s.tail(0)
	for client := range 3 {
		s.seal(client)
		if after := s.tail(client); after != end {
			s.failf("a log sealed again spans %+v, %+v before", after, end)
		}
		s.refuses(client, loglet.ErrSealed, "too late")
	}
	s.holds(0, all)
}

func checkSealTrim(s *subject) {
	all := s.append(0, texts("entry", 4)...)
	s.seal(0)
	if s.failed() {
		return
	}
	end := s.tail(0)
	s.trim(1, all[3].pos)
	s.holds(0, all[3:])
	s.trim(1, end.Tail)
	s.holds(0, nil)
	if after := s.tail(0); after.Tail != end.Tail || !after.Sealed {
		s.failf("a sealed log spans %+v after a trim, %+v before", after, end)
	}
	s.refuses(0, loglet.ErrSealed, "too late")
}

func checkSealEmpty(s *subject) {
	s.seal(0)
	s.refuses(1, loglet.ErrSealed, "too late")
	s.holds(0, nil)
}
