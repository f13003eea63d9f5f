package gossip

import (
	"slices"

	"dss.example/common/machine"
)

// exchange is anti-entropy that this site has begun. All that a responder must know is in each
// Page, so that only one side keeps anything; what is lost ends it, and the next begins anew.
type exchange struct {
	id    uint64
	peer  machine.Addr
	upper Mark // what is below it is still to be compared; zero: all
	pages int  // that were sent
	items int  // that were gone through
	idle  int  // ticks since the last answer
}

// patience is how many ticks an exchange waits for an answer before the next one begins. A
// Period should be no shorter than a round trip.
const patience = 3

// goesOn counts a tick, and tells whether an exchange that has begun should go on.
func (x *exchange) goesOn() bool {
	if x == nil {
		return false
	}
	x.idle++
	return x.idle < patience
}

// begin begins an exchange, instead of one that has not ended.
func (s *site) begin(out *machine.Out) {
	peer, ok := s.partner()
	if !ok {
		return
	}
	s.exchange = &exchange{id: s.dice.Roll(), peer: peer}
	s.turn(nil, out)
}

// turn sends the next page.
func (s *site) turn(give []Item, out *machine.Out) {
	x := s.exchange
	m := Page{
		ID: x.id, Begins: x.pages == 0, Give: give, Check: s.checks(x), Sum: s.sum,
		Upper: x.upper, Way: s.cfg.Entropy,
	}
	if m.Probe = s.cfg.Compare == Checksum && x.pages == 0; !m.Probe {
		end := s.under(x.upper)
		begin := max(0, end-s.cfg.Page)
		for i := end - 1; i >= begin; i-- {
			m.Digests = append(m.Digests, s.order[i].digest())
		}
		if begin > 0 {
			m.Lower = m.Digests[len(m.Digests)-1].mark()
		}
	}
	x.pages++
	x.items += len(m.Digests)
	out.SendTo(x.peer, m)
}

// checks tells whether the next page ends the exchange if the checksums agree.
func (s *site) checks(x *exchange) bool {
	switch s.cfg.Compare {
	case Checksum:
		return x.pages == 0
	case Recent:
		before := x.items - s.cfg.Page // when the page before was sent
		return x.pages == 0 || x.items >= s.cfg.Recent && before < s.cfg.Recent
	case Peel:
		return true
	}
	return false
}

// compare answers a page.
func (s *site) compare(from machine.Addr, m Page, out *machine.Out) {
	if m.Begins && !s.takes() {
		out.SendTo(from, Busy{Exchange: true})
		return
	}
	for _, i := range m.Give {
		s.learn(i, out)
	}
	switch {
	case m.Last:
	case m.Check && m.Sum == s.sum:
		out.SendTo(from, Diff{ID: m.ID, Done: true})
	case m.Probe:
		out.SendTo(from, Diff{ID: m.ID})
	default:
		out.SendTo(from, s.diff(m, out))
	}
}

// diff goes down both sites' items between two marks, until a message is full.
func (s *site) diff(m Page, out *machine.Out) Diff {
	d := Diff{ID: m.ID}
	theirs := m.Digests
	var mine []Digest
	if m.Way&Pull != 0 {
		mine = s.between(m.Lower, m.Upper, s.cfg.Page+len(theirs)+1) // more than a message can tell of
	}
	last := m.Lower
	for len(mine)+len(theirs) > 0 {
		if len(d.Items) == s.cfg.Page {
			d.Lower = last
			return d
		}
		var here, there *Digest
		here, there, mine, theirs = highest(mine, theirs)
		if there != nil {
			last = there.mark()
			s.answer(&d, &m, *there, out)
		} else {
			last = here.mark()
			d.Items = append(d.Items, s.entries[here.Key].at(s.now))
		}
	}
	d.Lower, d.Done = m.Lower, m.Lower.IsZero()
	return d
}

// between returns the versions of what this site has between two marks, newest first, and at
// most so many.
func (s *site) between(lower, upper Mark, most int) (all []Digest) {
	end := s.under(upper)
	begin := max(s.below(lower), end-most)
	for i := end - 1; i >= begin; i-- {
		all = append(all, s.order[i].digest())
	}
	return all
}

// highest takes the highest version from the front of two lists. If both have it, both lose it.
func highest(mine, theirs []Digest) (here, there *Digest, restMine, restTheirs []Digest) {
	if len(mine) > 0 {
		here = &mine[0]
	}
	if len(theirs) > 0 {
		there = &theirs[0]
	}
	if here != nil && there != nil {
		switch order := here.mark().Compare(there.mark()); {
		case order < 0:
			here = nil
		case order > 0:
			there = nil
		}
	}
	if here != nil {
		mine = mine[1:]
	}
	if there != nil {
		theirs = theirs[1:]
	}
	return here, there, mine, theirs
}

// answer says what is to be said of a version that the other has: that this site wants it, or that
// it has a newer one. What is newer and between the marks is told of in its own place.
func (s *site) answer(d *Diff, m *Page, theirs Digest, out *machine.Out) {
	e, known := s.entries[theirs.Key]
	if !known {
		if m.Way&Push != 0 {
			d.Wants = append(d.Wants, theirs.Key)
		}
		return
	}
	mine := e.digest()
	order, place := theirs.compare(&mine), mine.mark().Compare(theirs.mark())
	told := place > 0 && (m.Upper.IsZero() || mine.mark().Compare(m.Upper) < 0)
	if e.dormant && place > 0 {
		if e = s.wake(e, out); e == nil {
			return
		}
		told = false
	}
	switch {
	case order > 0 && m.Way&Push != 0:
		d.Wants = append(d.Wants, theirs.Key)
	case order < 0 && m.Way&Pull != 0 && !told && !e.dormant:
		d.Items = append(d.Items, e.at(s.now))
	}
}

// proceed takes in an answer to a page, and turns to the next. An answer that leads to no lower page
// came before, or is of a peer that would go on for ever: it is passed over, and does not keep the
// exchange alive.
func (s *site) proceed(from machine.Addr, m Diff, out *machine.Out) {
	x := s.exchange
	if x == nil || x.peer != from || x.id != m.ID || !m.Done && !x.leads(m.Lower) {
		return
	}
	x.idle = 0
	for _, i := range m.Items {
		s.learn(i, out)
	}
	give := s.wanted(m.Wants)
	if !m.Done {
		x.upper = m.Lower
		s.turn(give, out)
		return
	}
	s.exchange = nil
	if len(give) > 0 {
		out.SendTo(x.peer, Page{ID: x.id, Give: give, Last: true})
	}
}

// leads tells whether a mark is below what was gone through: the first answer may say to begin.
func (x *exchange) leads(lower Mark) bool {
	if lower.IsZero() {
		return x.pages == 1
	}
	return x.upper.IsZero() || lower.Compare(x.upper) < 0
}

// wanted returns what this site has of keys, if it still has.
func (s *site) wanted(keys []string) (items []Item) {
	for _, key := range keys {
		if e, ok := s.entries[key]; ok && !e.dormant && len(items) < MaxPage {
			items = append(items, e.at(s.now))
		}
	}
	return slices.Clip(items)
}
