package gossip

import (
	"slices"

	"dss.example/common/machine"
	"dss.example/p3-replication/vector"
)

// MaxItems bounds what a site has, certificates included. A site that is full refuses new keys of
// callers and passes over those of peers, so that it no longer has the same as they.
const MaxItems = 1 << 16

// table is what a site has. Invariants: order holds the entries that are not dormant, sorted by
// their marks; sum is the checksum of just these; deaths holds the entries that are certificates.
type table struct {
	entries map[string]*entry
	order   []*entry
	deaths  []*entry
	sum     uint64
}

// entry is an item at a site. Its Death's Age is out of date: see made.
type entry struct {
	Item
	made    machine.Time // of a certificate: when its age was 0, by this site's clock
	learnt  uint64       // the period in which the site learnt it
	dormant bool
}

// at returns the item as it is now.
func (e *entry) at(now machine.Time) Item {
	i := e.Item
	if i.Death != nil {
		i.Death = &Death{Awake: i.Death.Awake, Age: max(0, now-e.made), Keepers: i.Death.Keepers}
	}
	return i
}

// put makes an entry what there is of its key.
func (t *table) put(e *entry) {
	if old, ok := t.entries[e.Key]; ok {
		t.remove(old)
	}
	if t.entries == nil {
		t.entries = map[string]*entry{}
	}
	t.entries[e.Key] = e
	if e.Death != nil {
		t.deaths = append(t.deaths, e)
	}
	if !e.dormant {
		t.show(e)
	}
}

// remove takes an entry out.
func (t *table) remove(e *entry) {
	delete(t.entries, e.Key)
	if e.Death != nil {
		t.deaths = slices.DeleteFunc(t.deaths, func(o *entry) bool { return o == e })
	}
	if !e.dormant {
		t.hide(e)
	}
}

func (t *table) show(e *entry) {
	d := e.digest()
	t.order = slices.Insert(t.order, t.below(d.mark()), e)
	t.sum ^= d.hash()
}

func (t *table) hide(e *entry) {
	d := e.digest()
	at := t.below(d.mark())
	t.order = slices.Delete(t.order, at, at+1)
	t.sum ^= d.hash()
}

// below returns how many entries of the order come before a mark.
func (t *table) below(m Mark) int {
	n, _ := slices.BinarySearchFunc(t.order, m, func(e *entry, m Mark) int {
		d := Digest{Key: e.Key, Stamp: e.Stamp}
		return d.mark().Compare(m)
	})
	return n
}

// under returns how many entries are below an upper bound, which may be zero for none.
func (t *table) under(upper Mark) int {
	if upper.IsZero() {
		return len(t.order)
	}
	return t.below(upper)
}

// value returns the living item of a key.
func (t *table) value(key string) (*entry, bool) {
	e, ok := t.entries[key]
	return e, ok && e.Death == nil
}

// learn takes in an item, and tells whether it was news: newer than all there was. An item that
// is older than a dormant certificate wakes that one; the entry is returned then.
func (s *site) learn(i Item, out *machine.Out) (news bool, woken *entry) {
	s.clock.Witness(max(i.Stamp.Time, i.awake().Time))
	mine, theirs := Digest{}, i.digest()
	old, known := s.entries[i.Key]
	if known {
		mine = old.digest()
	}
	switch order := theirs.compare(&mine); {
	case known && order < 0:
		if old.dormant && i.Stamp.Compare(old.Stamp) < 0 {
			return false, s.wake(old, out)
		}
		return false, nil
	case known && order == 0:
		old.younger(i, s.now)
		return old.learnt == s.period, nil
	case !known && (len(s.entries) == MaxItems || i.Death != nil && i.Death.Age >= s.cfg.Retain):
		return false, nil // no room, or a certificate that others are about to drop
	}
	s.keep(i, out)
	return true, nil
}

// keep makes an item durable and hot.
func (s *site) keep(i Item, out *machine.Out) {
	e := &entry{Item: i, learnt: s.period}
	if i.Death != nil {
		e.made = s.now - i.Death.Age
	}
	s.put(e)
	s.save(Kept{i}, out)
	s.heat(e)
}

// younger takes over the lower of two ages of one certificate.
func (e *entry) younger(i Item, now machine.Time) {
	if e.Death != nil && i.Death != nil && !e.dormant {
		e.made = max(e.made, now-i.Death.Age)
	}
}

// wake makes a dormant certificate active once more (E87 2.3).
func (s *site) wake(old *entry, out *machine.Out) *entry {
	t := s.clock.Tick()
	if t == 0 {
		return nil // no time is left to wake anything
	}
	i := old.Item
	i.Death = &Death{Awake: vector.Stamp{Time: t, Server: s.name}, Keepers: i.Death.Keepers}
	s.keep(i, out)
	return s.entries[i.Key]
}

// age drops certificates that were active for long enough, and lets Keepers make theirs dormant.
func (s *site) age(out *machine.Out) {
	for _, e := range slices.Clone(s.deaths) {
		age := s.now - e.made
		switch kept := s.keeps(e); {
		case age < s.cfg.Retain:
		case !kept || age-s.cfg.Retain >= s.cfg.Dormant:
			s.remove(e)
			s.cool(e.Key)
			s.save(Dropped{Key: e.Key, Stamp: e.Stamp}, out)
		case !e.dormant:
			s.hide(e)
			s.cool(e.Key)
			e.dormant = true
			s.save(Kept{e.at(s.now)}, out) // its age, so that a restart does not wake it
		}
	}
}

func (s *site) keeps(e *entry) bool { return slices.Contains(e.Death.Keepers, s.self.Node) }
