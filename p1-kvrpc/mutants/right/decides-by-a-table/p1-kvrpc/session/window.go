package session

import (
	"math/bits"

	"dss.example/common/machine"
)

// session is one that a server has opened, and which of its numbers are finished.
// Invariant: acked ≤ given ≤ acked + the window, at most kv.MaxInFlight.
type session struct {
	id       uint64
	ttl      machine.Time
	used     machine.Time    // a request that was surely answered in it was sent no earlier
	lost     bool            // a server has said that it does not exist any more
	given    uint64          // the last number given out
	acked    uint64          // all up to it are finished
	finished map[uint64]bool // those above acked
}

// give returns the next number.
func (s *session) give() uint64 {
	s.given++
	return s.given
}

// finish takes note that seq will not be sent again, and moves acked on over all that are
// finished without a gap.
func (s *session) finish(seq uint64) {
	if s.finished == nil {
		s.finished = make(map[uint64]bool)
	}
	for s.finished[seq] = true; s.finished[s.acked+1]; s.acked++ {
		delete(s.finished, s.acked+1)
	}
}

// usable reports whether a new operation may be sent in s, which may be nil. One that is
// lost is not; nor is one of which nothing is under way and whose last sure use is half
// its TTL ago: it might expire under the operation, and leave it in doubt for nothing.
func (s *session) usable(now machine.Time) bool {
	if s == nil || s.lost {
		return false
	}
	busy := s.given > s.acked
	return busy || now < s.used+s.ttl/2
}

// budget is a token bucket for retries, in hundredths of one: each operation puts
// in what it may cost, each retry takes 100.
type budget struct{ tokens, each, most int }

func newBudget(c *Config) budget {
	return budget{tokens: 100 * c.Burst, each: c.Retries, most: 100 * c.Burst}
}

func (b *budget) earn() { b.tokens = min(b.tokens+b.each, b.most) }

// spend takes one retry, if there is one.
func (b *budget) spend() bool {
	if b.tokens < 100 {
		return false
	}
	b.tokens -= 100
	return true
}

// dice turns the random bits of a step into as many as the step needs
// (SplitMix64: Steele, Lea and Flood 2014).
type dice uint64

func (d *dice) roll() uint64 {
	*d += 0x9e3779b97f4a7c15
	z := uint64(*d)
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// within returns a time from 0 to most: the random bits are a fraction of it.
func (d *dice) within(most machine.Time) machine.Time {
	part, _ := bits.Mul64(d.roll(), uint64(most)+1)
	return machine.Time(part)
}
