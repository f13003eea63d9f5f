package gossip

import (
	"slices"

	"dss.example/common/machine"
	"dss.example/p3-replication/vector"
)

// MaxHot bounds the rumours of a site. One more ends the oldest: anti-entropy still has it.
const MaxHot = 1 << 10

// rumour is an item that its site tells others.
type rumour struct {
	entry *entry
	count int // periods in a row without anybody who needed it

	told, needed, useless int // in this period: how often, and what was heard of it
}

// heat makes an entry hot, instead of any older version of it.
func (s *site) heat(e *entry) {
	if s.cfg.Rumours == None {
		return
	}
	s.cool(e.Key)
	if len(s.hot) == MaxHot {
		s.hot = slices.Delete(s.hot, 0, 1)
	}
	s.hot = append(s.hot, rumour{entry: e})
}

// cool ends the rumour of a key, if there is one.
func (s *site) cool(key string) {
	s.hot = slices.DeleteFunc(s.hot, func(r rumour) bool { return r.entry.Key == key })
}

// fade ends the rumours that have lost their interest in the period that is over.
func (s *site) fade() {
	s.hot = slices.DeleteFunc(s.hot, s.fades)
	for i := range s.hot {
		r := &s.hot[i]
		if r.needed > 0 && !s.cfg.Fade.Blind {
			r.count = 0
		} else if s.dull(*r) {
			r.count++
		}
		r.told, r.needed, r.useless = 0, 0, 0
	}
}

// dull tells whether a period has given a reason to lose interest.
func (s *site) dull(r rumour) bool {
	if s.cfg.Fade.Blind {
		return r.told > 0
	}
	return r.needed == 0 && r.useless > 0
}

func (s *site) fades(r rumour) bool {
	switch {
	case !s.dull(r):
		return false
	case s.cfg.Fade.Coin:
		return s.dice.below(uint64(s.cfg.Fade.K)) == 0
	}
	return r.count+1 >= s.cfg.Fade.K
}

// gossip begins a conversation about rumours.
func (s *site) gossip(out *machine.Out) {
	m := Rumours{Begins: true, Pull: s.cfg.Rumours&Pull != 0, Blind: s.cfg.Fade.Blind}
	if s.cfg.Rumours&Push != 0 {
		m.Items = s.rumours(nil)
	}
	if len(m.Items) == 0 && !m.Pull {
		return
	}
	if peer, ok := s.partner(); ok {
		out.SendTo(peer, m)
	}
}

// rumours returns the newest of the rumours that are older than this period, a message full,
// without those that the other has just told. They count as told.
func (s *site) rumours(heard []Item) (items []Item) {
	for i := len(s.hot) - 1; i >= 0 && len(items) < s.cfg.Page; i-- {
		r := &s.hot[i]
		if r.entry.learnt == s.period || slices.ContainsFunc(heard, func(h Item) bool { return h.Key == r.entry.Key }) {
			continue
		}
		r.told++
		items = append(items, r.entry.at(s.now))
	}
	return items
}

// untell takes back that rumours were told, by a conversation that was refused.
func (s *site) untell() {
	for i := range s.hot {
		s.hot[i].told = max(0, s.hot[i].told-1)
	}
}

// hear takes in rumours and verdicts, and answers what is asked.
func (s *site) hear(from machine.Addr, m Rumours, out *machine.Out) {
	if m.Begins && !s.takes() {
		out.SendTo(from, Busy{})
		return
	}
	for _, v := range m.Verdicts {
		s.judged(v)
	}
	answer := Rumours{Blind: s.cfg.Fade.Blind}
	for _, i := range m.Items {
		needed, woken := s.learn(i, out)
		if !m.Blind {
			answer.Verdicts = append(answer.Verdicts, Verdict{Key: i.Key, Stamp: i.Stamp, Needed: needed})
		}
		if woken != nil {
			answer.Items = append(answer.Items, woken.at(s.now))
		}
		if m.Pull && !needed {
			s.judged(Verdict{Key: i.Key, Stamp: i.Stamp}) // who tells it need not be told
		}
	}
	if m.Pull {
		room := min(s.cfg.Page, MaxPage-len(answer.Items))
		told := s.rumours(m.Items)
		answer.Items = append(answer.Items, told[:min(len(told), room)]...)
	}
	if len(answer.Items)+len(answer.Verdicts) > 0 {
		out.SendTo(from, answer)
	}
}

// judged counts what was heard of a rumour.
func (s *site) judged(v Verdict) {
	r := s.rumourOf(v.Key, v.Stamp)
	switch {
	case r == nil:
	case v.Needed:
		r.needed++
	default:
		r.useless++
	}
}

func (s *site) rumourOf(key string, stamp vector.Stamp) *rumour {
	for i := range s.hot {
		if r := &s.hot[i]; r.entry.Key == key && r.entry.Stamp == stamp {
			return r
		}
	}
	return nil
}
