package faultproxy

import (
	"slices"
	"time"
)

// strike does harm to a frame. It returns false when the link is over.
func (s *stream) strike(harm Fault, out parcel, numbered bool) bool {
	switch p, f := s.link.proxy, out.fate; harm {
	case Drop:
		return s.drop(out)
	case Duplicate:
		return s.duplicate(out, numbered)
	case Reorder:
		return s.reorder(out, numbered)
	case Cut:
		return s.cutAt(out)
	case Slow:
		return s.dribble(out)
	case HalfOpen:
		p.unlessHealed(HalfOpen, func() { s.link.silence(f.x) })
		if s.link.swallows(s.dir) {
			s.gone(out)
			return true
		}
	case Partition:
		p.unlessHealed(Partition, func() { p.partitionLocked(p.cfg.Times.outage(f.y)) })
		if !p.pass(s.link.done) {
			return false
		}
	}
	return s.deliver(out)
}

func (s *stream) drop(out parcel) bool {
	dropped := s.link.proxy.unlessHealed(Drop, func() {
		if s.dir == toClient {
			s.link.tear()
		}
	})
	if !dropped {
		return s.deliver(out)
	}
	s.gone(out)
	return true
}

// cutAt cuts the link when nothing, a part or all of the frame has been written.
func (s *stream) cutAt(out parcel) bool {
	if !s.link.proxy.untilHealed(s.link.countCut) {
		return s.deliver(out)
	}
	switch n := len(out.data); {
	case out.fate.x < 1.0/3:
	case out.fate.x < 2.0/3:
		s.to.Write(out.data[:int(out.fate.y*float64(n))])
	default:
		s.to.Write(out.data)
	}
	return false
}

// dribble writes the frame in 2 to 16 pieces with pauses.
func (s *stream) dribble(out parcel) bool {
	p := s.link.proxy
	if !p.unlessHealed(Slow, func() {}) {
		return s.deliver(out)
	}
	pieces := 2 + int(out.fate.x*15)
	pause := part(p.cfg.Times.Longest, out.fate.y) / time.Duration(pieces-1)
	size := (len(out.data) + pieces - 1) / pieces
	for len(out.data) > size {
		if _, err := s.to.Write(out.data[:size]); err != nil {
			return false
		}
		out.data = out.data[size:]
		if !p.wait(time.Now().Add(pause), s.link.done) {
			return false
		}
	}
	return s.deliver(out)
}

// duplicate delivers the frame, and a copy later.
func (s *stream) duplicate(out parcel, numbered bool) bool {
	late := part(s.link.proxy.cfg.Times.Late, out.fate.y)
	switch {
	case s.dir == toClient: // an answer is not repeated: no network does that to a stream
	case numbered:
		s.link.haunt(out.data, late)
	case len(s.later) < maxHeld:
		s.later = append(s.later, held{data: out.data, kind: Duplicate, due: time.Now().Add(late)})
	}
	return s.deliver(out)
}

// reorder lets up to three frames overtake this one, in bounded time.
func (s *stream) reorder(out parcel, numbered bool) bool {
	wait := part(s.link.proxy.cfg.Times.Longest, out.fate.y)
	if s.dir == toServer && numbered {
		if s.link.detour(out.data, wait) {
			s.gone(out)
			return true
		}
		return s.deliver(out)
	}
	if len(s.later) >= maxHeld {
		return s.deliver(out)
	}
	s.later = append(s.later, held{
		data: out.data, kind: Reorder, due: time.Now().Add(wait), pass: 1 + int(3*out.fate.x),
	})
	s.gone(out)
	return true
}

// overtake tells what is held back that one more frame has passed.
func (s *stream) overtake() bool {
	for i := range s.later {
		if h := &s.later[i]; h.kind == Reorder {
			h.pass--
			h.over = true
		}
	}
	return s.release(false)
}

// nextHeld returns when something that is held back must go on, and whether it
// must because of Heal.
func (s *stream) nextHeld() (due <-chan time.Time, healing <-chan struct{}) {
	if len(s.later) == 0 {
		return nil, nil
	}
	first := slices.MinFunc(s.later, func(a, b held) int { return a.due.Compare(b.due) })
	return after(first.due).C, s.link.proxy.healing
}

// release writes what has been held back long enough, or all of it. Copies that
// are not due are forgotten then. It returns false when the far side is gone.
func (s *stream) release(all bool) bool {
	now, kept := time.Now(), s.later[:0]
	for _, h := range s.later {
		ripe := !now.Before(h.due) || h.kind == Reorder && h.pass <= 0
		switch {
		case !ripe && !all:
			kept = append(kept, h)
			continue
		case !ripe && h.kind == Duplicate || s.link.swallows(s.dir):
			continue
		}
		if !s.link.proxy.pass(s.link.done) {
			return false
		}
		if h.kind == Duplicate || h.over {
			s.link.proxy.count.faults[h.kind].Add(1)
		}
		if _, err := s.to.Write(h.data); err != nil {
			return false
		}
	}
	clear(s.later[len(kept):])
	s.later = kept
	return true
}
