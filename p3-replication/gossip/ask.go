package gossip

import (
	"slices"

	"dss.example/common/machine"
	"dss.example/p3-replication/vector"
)

// ask does a command.
func (s *site) ask(id uint64, cmd machine.Data, out *machine.Out) {
	switch c := cmd.(type) {
	case Put:
		out.Answer(id, s.write(c, out))
	case Delete:
		out.Answer(id, s.erase(c.Key, out))
	case Get:
		if e, ok := s.value(c.Key); ok {
			out.Answer(id, Found{Value: e.Value, Stamp: e.Stamp})
		} else {
			out.Answer(id, Missing{})
		}
	case Look:
		out.Answer(id, s.outline())
	}
}

func (s *site) write(c Put, out *machine.Out) machine.Data {
	_, known := s.entries[c.Key]
	switch {
	case c.Key == "" || len(c.Key) > MaxKey || len(c.Value) > MaxValue:
		return Refused{TooLarge}
	case !known && len(s.entries) >= MaxItems:
		return Refused{Full}
	}
	return s.accept(Item{Key: c.Key, Value: c.Value}, out)
}

func (s *site) erase(key string, out *machine.Out) machine.Data {
	if _, ok := s.value(key); !ok {
		return Missing{}
	}
	return s.accept(Item{Key: key, Death: &Death{Keepers: s.drawKeepers()}}, out)
}

// accept stamps a write and begins to spread it.
func (s *site) accept(i Item, out *machine.Out) machine.Data {
	t := s.clock.Tick()
	if t == 0 {
		return Refused{Ended}
	}
	i.Stamp = vector.Stamp{Time: t, Server: s.name}
	if i.Death != nil {
		i.Death.Awake = i.Stamp
	}
	s.keep(i, out)
	if s.cfg.Mail {
		for _, n := range s.cfg.Peers {
			if n != s.self.Node {
				out.SendTo(machine.Addr{Node: n, Role: s.self.Role}, Mail{i})
			}
		}
	}
	return Written{i.Stamp}
}

// drawKeepers draws those who will keep a certificate when it is dormant, each only once, the
// site itself among all others.
func (s *site) drawKeepers() (keepers []machine.Node) {
	all := slices.Clone(s.cfg.Peers)
	if at, ok := slices.BinarySearch(all, s.self.Node); !ok {
		all = slices.Insert(all, at, s.self.Node)
	}
	for range min(s.cfg.Keepers, len(all)) {
		at := int(s.dice.below(uint64(len(all))))
		keepers = append(keepers, all[at])
		all = slices.Delete(all, at, at+1)
	}
	slices.Sort(keepers)
	return keepers
}

func (s *site) outline() Outline {
	o := Outline{Sum: s.sum, Deaths: len(s.deaths), Values: len(s.entries) - len(s.deaths), Hot: len(s.hot)}
	for _, e := range s.deaths {
		if e.dormant {
			o.Dormant++
			o.Deaths--
		}
	}
	return o
}
