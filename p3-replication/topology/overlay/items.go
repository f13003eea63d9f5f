package overlay

import (
	"slices"

	"dss.example/common/machine"

	"dss.example/p3-replication/topology/proto"
)

// MaxSeen is how many items a server remembers to have heard.
const MaxSeen = 1 << 13

// maxBytes bounds the bodies of one answer: of an Items, or of what is sent for one Lack.
const maxBytes = 1 << 20

// items are those that have come.
type items struct {
	keep   int
	kept   []proto.Item // the last of them, in the order in which they came; at most keep
	heard  uint64       // how many came
	copies uint64       // how many came once more
	seen   map[proto.ID]bool
	order  []proto.ID // what is in seen; at most MaxSeen, then a ring
	oldest int        // in order, once it is a ring
}

// add takes in an item, and tells whether it is new.
func (s *items) add(i proto.Item) bool {
	if s.seen[i.ID] {
		s.copies++
		return false
	}
	s.remember(i.ID)
	if len(s.kept) == s.keep {
		s.kept = slices.Delete(s.kept, 0, 1)
	}
	s.kept = append(s.kept, i)
	s.heard++
	return true
}

func (s *items) remember(id proto.ID) {
	if s.seen == nil {
		s.seen = map[proto.ID]bool{}
	}
	s.seen[id] = true
	if len(s.order) < MaxSeen {
		s.order = append(s.order, id)
		return
	}
	delete(s.seen, s.order[s.oldest])
	s.order[s.oldest] = id
	s.oldest = (s.oldest + 1) % MaxSeen
}

// have names what is kept.
func (s *items) have() (all []proto.ID) {
	for i := range s.kept {
		all = append(all, s.kept[i].ID)
	}
	return all
}

func (s *items) read(after uint64) proto.Items {
	first := s.heard - uint64(len(s.kept))
	a := proto.Items{Next: min(max(after, first), s.heard)}
	a.Lost = a.Next - min(after, a.Next)
	bytes := 0
	for _, i := range s.kept[a.Next-first:] {
		if bytes += len(i.Body); len(a.List) == proto.MaxRead || bytes > maxBytes {
			break
		}
		a.List = append(a.List, i)
		a.Next++
	}
	return a
}

// publish begins an item.
func (o *Overlay) publish(body []byte, out *machine.Out) machine.Data {
	if len(body) > proto.MaxBody {
		return proto.Refused{}
	}
	o.seq++
	id := proto.ID{Origin: o.self.Node, Life: o.life, Seq: o.seq}
	o.arrive(0, proto.Item{ID: id, Body: body}, out)
	return proto.Published{ID: id}
}

// arrive takes in an item and sends it on, unless it has come before.
func (o *Overlay) arrive(from machine.Node, i proto.Item, out *machine.Out) {
	if !o.items.add(i) {
		return
	}
	if o.cfg.Deliver != "" {
		out.SendTo(machine.Addr{Node: o.self.Node, Role: o.cfg.Deliver}, i)
	}
	if i.Hops == proto.MaxPlaces {
		return
	}
	i.Hops++
	o.grow(out)
	for _, n := range o.next {
		if n != from {
			out.SendTo(o.addr(n), i)
		}
	}
}

// absence is an item that another has, and this server has not.
type absence struct {
	id    proto.ID
	at    machine.Node // that has it
	since machine.Time // when it was told
}

// miss notes the items of another that have not come here: they may be on their way.
func (o *Overlay) miss(at machine.Node, have []proto.ID) {
	if !o.cfg.Lazy {
		return
	}
	for _, id := range have {
		known := o.items.seen[id] || slices.ContainsFunc(o.absent, func(a absence) bool { return a.id == id })
		if !known && len(o.absent) < proto.MaxKeep {
			o.absent = append(o.absent, absence{id: id, at: at, since: o.now})
		}
	}
}

// demand asks for what has not come by the tree after all. If nothing comes of that, another
// Hello will tell of it again.
func (o *Overlay) demand(out *machine.Out) {
	o.absent = slices.DeleteFunc(o.absent, func(a absence) bool { return o.items.seen[a.id] })
	for len(o.absent) > 0 && o.now-o.absent[0].since >= o.cfg.Every {
		at := o.absent[0].at
		var lack []proto.ID
		o.absent = slices.DeleteFunc(o.absent, func(a absence) bool {
			due := a.at == at && o.now-a.since >= o.cfg.Every
			if due {
				lack = append(lack, a.id)
			}
			return due
		})
		out.SendTo(o.addr(at), proto.Lack{Items: lack})
	}
}

// give sends what another asks for, as far as it is here and there is room in an answer.
func (o *Overlay) give(from machine.Addr, m proto.Lack, out *machine.Out) {
	var rows []proto.Row
	for _, n := range m.Rows {
		if at, ok := find(o.rows, n); ok {
			rows = append(rows, o.rows[at])
		}
	}
	if len(rows) > 0 {
		out.SendTo(from, proto.Rows{List: rows})
	}
	bytes := 0
	for _, i := range o.items.kept {
		if !slices.Contains(m.Items, i.ID) {
			continue
		}
		if bytes += len(i.Body); bytes > maxBytes {
			return
		}
		i.Hops = min(i.Hops+1, proto.MaxPlaces)
		out.SendTo(from, i)
	}
}
