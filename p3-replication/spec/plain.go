package spec

import (
	"cmp"
	"encoding/binary"
	"errors"
	"iter"
	"maps"
	"slices"

	"dss.example/common/cbor"
	"dss.example/common/kv"

	"dss.example/p3-replication/bayou/proto"
	"dss.example/p3-replication/bayou/state"
	"dss.example/p3-replication/vector"
)

// plain is what writes come to that are done one after the other and never undone.
type plain struct {
	items     map[string]item
	conflicts map[string]conflict // by the order of their writes: see stampKey
	servers   map[vector.Server]proto.Place
	heir      vector.Server // the primary, if the office was ever handed over
}

// item is a client's value.
type item struct {
	mod, create vector.Stamp
	count       uint64
	value       []byte
}

// conflict is a write for which nothing was found.
type conflict struct {
	id     vector.Stamp
	text   string
	update []proto.Change
}

func newPlain() *plain {
	return &plain{
		items: map[string]item{}, conflicts: map[string]conflict{}, servers: map[vector.Server]proto.Place{},
	}
}

func (p *plain) clone() *plain {
	return &plain{maps.Clone(p.items), maps.Clone(p.conflicts), maps.Clone(p.servers), p.heir}
}

// do does a write, and tells what became of it. The office of a primary that has retired goes to
// the first of the others.
func (p *plain) do(w *proto.Write, programs state.Programs) kv.Fate {
	switch w.Kind {
	case proto.Update:
		return p.update(w, programs)
	case proto.Birth:
		if child, err := w.Child(); err == nil {
			p.servers[child] = w.Place
		}
	case proto.Retirement:
		delete(p.servers, w.ID.Server)
		if w.ID.Server == p.primary() && len(p.servers) > 0 {
			p.heir = slices.Min(slices.Collect(maps.Keys(p.servers)))
		}
	case proto.Handover:
		if _, there := p.servers[w.Heir]; there && w.ID.Server == p.primary() {
			p.heir = w.Heir
		}
	}
	return kv.Applied
}

// primary returns who gives commit numbers.
func (p *plain) primary() vector.Server { return cmp.Or(p.heir, vector.Root) }

// update follows '95, figure 2: the update if its check holds, else what its merge procedure
// finds, else it is a conflict.
func (p *plain) update(w *proto.Write, programs state.Programs) kv.Fate {
	changes, fate := w.Update, kv.Applied
	holds, why := true, errors.New("its check does not hold, and it has no merge procedure")
	if w.Check != "" {
		var err error
		if holds, err = programs.Check(w.Check, p, w.Update); err != nil {
			why = err
		}
	}
	if !holds {
		fate = kv.Merged
		if w.Merge != "" {
			changes, why = programs.Merge(w.Merge, p, w.Update)
		}
		if why != nil {
			p.conflict(w, why.Error())
			return kv.Unresolved
		}
	}
	for _, c := range changes {
		p.change(w.ID, c)
	}
	return fate
}

func (p *plain) change(id vector.Stamp, c proto.Change) {
	old, there := p.items[c.Key]
	switch {
	case c.Delete:
		delete(p.items, c.Key)
	case there:
		p.items[c.Key] = item{id, old.create, old.count + 1, c.Value}
	default:
		p.items[c.Key] = item{id, id, 1, c.Value}
	}
}

// Bounds of what is kept of conflicts.
const (
	maxText  = 1 << 10
	maxShown = 16 << 10
)

// conflict notes one. Of more than there may be, the first is forgotten.
func (p *plain) conflict(w *proto.Write, text string) {
	c := conflict{w.ID, text[:min(len(text), maxText)], slices.Clone(w.Update)}
	size := 0
	for _, u := range c.update {
		size += len(u.Value)
	}
	for i := range c.update {
		if size > maxShown {
			c.update[i].Value = nil
		}
	}
	p.conflicts[stampKey(w.ID)] = c
	if len(p.conflicts) > state.MaxConflicts {
		delete(p.conflicts, slices.Min(slices.Collect(maps.Keys(p.conflicts))))
	}
}

// stampKey puts stamps in their order.
func stampKey(s vector.Stamp) string {
	return string(binary.BigEndian.AppendUint64(nil, s.Time)) + string(s.Server)
}

// Get implements state.Reader.
func (p *plain) Get(key string) ([]byte, bool) {
	it, ok := p.items[key]
	return it.value, ok
}

// Scan implements state.Reader.
func (p *plain) Scan(from, to string) iter.Seq2[string, []byte] {
	return func(yield func(string, []byte) bool) {
		for _, key := range p.keys(from, to) {
			if !yield(key, p.items[key].value) {
				return
			}
		}
	}
}

// keys returns the clients' keys from one up to but not including another, in order.
func (p *plain) keys(from, to string) (keys []string) {
	for key := range p.items {
		if key >= from && (to == "" || key < to) {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys
}

// pairs returns the state as servers save, send and hash it, in order.
func (p *plain) pairs() (all []proto.Pair) {
	for _, key := range slices.Sorted(maps.Keys(p.conflicts)) {
		c := p.conflicts[key]
		b := cbor.AppendArray(cbor.AppendBytes(c.id.AppendTo(nil), []byte(c.text)), len(c.update))
		for i := range c.update {
			b = proto.AppendChange(b, &c.update[i])
		}
		all = append(all, proto.Pair{Key: "c" + key, Value: b})
	}
	for _, key := range p.keys("", "") {
		it := p.items[key]
		b := cbor.AppendUint(it.create.AppendTo(it.mod.AppendTo(nil)), it.count)
		all = append(all, proto.Pair{Key: "k" + key, Value: cbor.AppendBytes(b, it.value)})
	}
	if p.heir != "" {
		all = append(all, proto.Pair{Key: "p", Value: []byte(p.heir)})
	}
	for _, name := range slices.Sorted(maps.Keys(p.servers)) {
		place := p.servers[name]
		all = append(all, proto.Pair{Key: "s" + string(name), Value: proto.AppendPlace(nil, &place)})
	}
	return all
}

// Pairs implements app.View.
func (p *plain) Pairs(from string) iter.Seq2[string, []byte] {
	return func(yield func(string, []byte) bool) {
		for _, pair := range p.pairs() {
			if pair.Key >= from && !yield(pair.Key, pair.Value) {
				return
			}
		}
	}
}
