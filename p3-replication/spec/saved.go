package spec

import (
	"bytes"
	"slices"

	"dss.example/common/kv"
	"dss.example/common/machine"

	"dss.example/p3-replication/bayou/proto"
	"dss.example/p3-replication/vector"
)

// saves judges a record, and takes it to what the server knows. cause is what the step came of.
func (d *Database) saves(n *server, rec machine.Data, cause machine.Event) {
	n.seq++
	switch r := rec.(type) {
	case proto.Named:
		d.isNamed(n, r)
		n.named, n.highest = n.seq, 0
		clear(n.since)
	case proto.Learned:
		d.learns(n, &r.Write, cause)
		n.since[r.Write.ID] = true
	case proto.Committed:
		d.numbers(n, r)
	case proto.Kept:
		d.keeps(n, &r.Part)
	case proto.Forgot:
		n.forgot()
	}
}

// isNamed judges who a server says that it is.
func (d *Database) isNamed(n *server, r proto.Named) {
	if n.me != nil && n.me.name == r.Name {
		return
	}
	if r.Name == vector.Root && d.names[vector.Root] == nil {
		d.born(r.Name, r.Place)
	}
	a := d.names[r.Name]
	if a == nil || n.me != nil || a.place.Node != n.id || a.place.Life != r.Place.Life {
		d.wrong("name", "node %d calls itself %v, which it was not born as", n.id, r.Name)
		return
	}
	n.me, n.name = a, r.Name
}

// learns judges a write that a server saves: its own, or another's that came from elsewhere.
func (d *Database) learns(n *server, w *proto.Write, cause machine.Event) {
	known := d.find(w.ID)
	if known == nil {
		known = d.accepts(n, w, cause)
	} else if known.bytes != identity(w) {
		d.wrong("same", "node %d saves another write as %s than was accepted", n.id, w.ID)
	}
	if known == nil || n.knows(known) {
		return
	}
	a := known.author
	if known.n > n.count(a) {
		d.wrong("gap", "node %d learns %s, and lacks %s", n.id, w.ID, a.writes[n.count(a)].ID)
		return
	}
	if a != n.me && a.node != n.id {
		a.heard = max(a.heard, known.n+1)
	}
	n.raise(a, known.n+1)
	n.clock = max(n.clock, w.ID.Time)
	d.place(n, known)
}

func identity(w *proto.Write) string { return string(proto.Learned{Write: *w}.AppendTo(nil)) }

// place puts a write among the tentative ones.
func (d *Database) place(n *server, w *write) {
	if w.number > 0 && w.number <= n.commit {
		return
	}
	at := len(n.tentative)
	for at > 0 && w.ID.Compare(n.tentative[at-1].ID) < 0 {
		at--
	}
	if n.own(w) && w.Kind == proto.Update {
		d.view(n)
	}
	if at == len(n.tentative) && n.full != nil {
		d.first(n, w)
	} else {
		n.full = nil
	}
	n.tentative = slices.Insert(n.tentative, at, w)
}

func (n *server) own(w *write) bool { return w.author == n.me }

// first does a write behind all others. What became of one of its own, a client is told.
func (d *Database) first(n *server, w *write) {
	acc := accepted{write: w}
	if len(w.Update) == 1 && w.Update[0].Delete {
		_, there := n.full.items[w.Update[0].Key]
		acc.missing = !there
	}
	mine := n.own(w) && w.Kind == proto.Update
	if mine && n.several {
		n.past = append(n.past, n.full.clone())
	}
	acc.fate = d.extend(n, w)
	if mine {
		n.accepted[version(w.ID)] = acc
	}
}

// accepts judges a write that is new to everybody: the saving server has made it.
func (d *Database) accepts(n *server, w *proto.Write, cause machine.Event) *write {
	a := d.names[w.ID.Server]
	twin := a != nil && a != n.me && w.Kind == proto.Retirement && n.me != nil && a.place.Life == n.me.place.Life
	switch {
	case a == nil || a != n.me && !twin:
		d.wrong("same", "node %d saves %s, which nobody has accepted", n.id, w.ID)
		return nil
	case a.retired:
		d.wrong("retired", "node %d accepts %s, and has retired", n.id, w.ID)
	case w.ID.Time <= n.clock:
		d.wrong("stamp", "node %d accepts %s, and knows of time %d", n.id, w.ID, n.clock)
	case a.upTo(w.ID.Time) < len(a.writes):
		d.wrong("stamp", "node %d accepts %s after %s", n.id, w.ID, a.writes[len(a.writes)-1].ID)
	case !twin && !n.wasAsked(w, cause):
		d.wrong("asked", "node %d accepts %s, and nobody has asked for it", n.id, w.ID)
	}
	known := &write{Write: *w, bytes: identity(w), author: a, n: len(a.writes)}
	a.writes = append(a.writes, known)
	a.retired = w.Kind == proto.Retirement
	d.versions[version(w.ID)] = known
	if child, ok := childOf(w); ok {
		d.born(child, w.Place)
	}
	return known
}

// wasAsked tells whether a write does what somebody wants.
func (n *server) wasAsked(w *proto.Write, cause machine.Event) bool {
	if w.Kind == proto.Birth {
		in, _ := cause.(machine.Recv)
		m, asked := in.Msg.(proto.Bear)
		return asked && m.Place == w.Place || w.Place.Node == n.id && n.me.name == vector.Root
	}
	for _, req := range n.asks {
		if wants(req.Op, w) {
			return true
		}
	}
	return false
}

// wants tells whether an operation asks for a write.
func wants(op kv.Op, w *proto.Write) bool {
	switch w.Kind {
	case proto.Retirement:
		_, ok := op.(kv.Change)
		return ok
	case proto.Handover:
		_, ok := op.(kv.Transfer)
		return ok
	}
	u := updateOf(op)
	return u != nil && u.Check == w.Check && u.Merge == w.Merge &&
		slices.EqualFunc(u.Update, w.Update, func(a, b proto.Change) bool {
			return a.Key == b.Key && a.Delete == b.Delete && bytes.Equal(a.Value, b.Value)
		})
}

// updateOf returns the write that an operation of a client asks for; nil: none.
func updateOf(op kv.Op) *proto.Write {
	switch op := op.(type) {
	case kv.Put:
		return &proto.Write{Update: []proto.Change{{Key: op.Key, Value: op.Value}}}
	case kv.Delete:
		return &proto.Write{Update: []proto.Change{{Key: op.Key, Delete: true}}}
	case kv.Guarded:
		w := &proto.Write{Check: op.If, Merge: op.Else}
		for _, step := range op.Then {
			w.Update = append(w.Update, updateOf(step).Update...)
		}
		return w
	}
	return nil
}

// numbers judges commit numbers: those that others know, and those that are given now.
func (d *Database) numbers(n *server, r proto.Committed) {
	for i, id := range r.IDs {
		number, w := r.First+uint64(i), d.find(id)
		switch {
		case number != n.commit+1:
			d.wrong("number", "node %d commits number %d after %d", n.id, number, n.commit)
		case w == nil || !n.knows(w):
			d.wrong("number", "node %d commits %s as %d, and does not know it", n.id, id, number)
		case number <= uint64(len(d.given)) && d.given[number-1].write != w:
			d.wrong("number", "node %d commits %s as %d, which is the number of %s", n.id, id, number, d.given[number-1].write.ID)
		case number > uint64(len(d.given)):
			d.gives(n, number, w)
		default:
			if d.given[number-1].by != n.id {
				d.heard = max(d.heard, number)
			}
		}
		if d.err != nil {
			return
		}
		n.commit, n.highest = number, number
		n.committed(w)
	}
}

// gives judges a number that nobody had before.
func (d *Database) gives(n *server, number uint64, w *write) {
	g := given{write: w, by: n.id}
	switch primary := d.after(number - 1).primary(); {
	case w.number > 0:
		d.wrong("number", "node %d commits %s as %d, and it is %d", n.id, w.ID, number, w.number)
	case w.n != w.author.settled:
		d.wrong("number", "node %d commits %s before an earlier one of that server", n.id, w.ID)
	case d.cfg.Order != "" && d.told[number] != w.ID:
		d.wrong("number", "node %d commits %s as %d, and was not told to", n.id, w.ID, number)
	case d.cfg.Order == "" && !n.goesBy(d.names[primary]):
		d.wrong("primary", "node %d gives number %d, and %v is the primary", n.id, number, primary)
	}
	if d.cfg.Order != "" {
		g.by = 0
	}
	w.number = number
	w.author.settled++
	d.given = append(d.given, g)
}

// goesBy tells whether a name was given to this server: its own, or another, to the same life.
func (n *server) goesBy(a *author) bool {
	return n.me != nil && a != nil && (a == n.me || a.place.Life == n.me.place.Life)
}

// committed takes a write from the tentative ones. If it was the first of them, nothing is
// different in the full view.
func (n *server) committed(w *write) {
	at := slices.Index(n.tentative, w)
	if at != 0 {
		n.full = nil
	}
	n.tentative = slices.Delete(n.tentative, at, at+1)
}

// keeps judges a part of a committed state that is saved, and the whole when it is the last.
func (d *Database) keeps(n *server, p *proto.Part) {
	if p.At.From == "" {
		n.part, n.pairs = p.At, nil
	}
	if p.At != n.part {
		d.wrong("state", "node %d saves a part of a state that does not go on what it has saved", n.id)
		return
	}
	n.pairs = append(n.pairs, p.Pairs...)
	n.part.From = p.Next
	if p.Next != "" {
		return
	}
	d.isState(n, p.At.Commit, p.Sure, n.pairs, "")
	if d.err == nil && p.At.Commit > n.commit {
		d.adopts(n, p)
	}
	if d.err == nil {
		d.isAllKept(n, p.At.Commit)
		n.wholeState(p)
	}
}

// adopts takes a committed state in the place of writes that the server does not know.
func (d *Database) adopts(n *server, p *proto.Part) {
	n.commit, n.full = p.At.Commit, nil
	d.heard = max(d.heard, n.commit)
	n.tentative = slices.DeleteFunc(n.tentative, func(w *write) bool { return w.number > 0 && w.number <= n.commit })
	for _, a := range d.authors {
		count := a.upToNumber(n.commit)
		if count > 0 && a.node != n.id {
			a.heard = max(a.heard, count)
		}
		n.raise(a, count)
		for _, w := range a.writes[:count] {
			n.clock = max(n.clock, w.ID.Time)
		}
	}
}

// upToNumber returns how many writes of an author have a number up to that one.
func (a *author) upToNumber(number uint64) int {
	i := a.settled
	for i > 0 && a.writes[i-1].number > number {
		i--
	}
	return i
}

// isAllKept checks that a state which begins the log anew has behind it what it does not hold.
func (d *Database) isAllKept(n *server, commit uint64) {
	if max(commit, n.highest) < n.commit {
		d.wrong("kept", "node %d saves the state after number %d, and not the numbers up to %d behind it", n.id, commit, n.commit)
	}
	for _, a := range d.authors {
		for _, w := range a.writes[:n.count(a)] {
			if (w.number == 0 || w.number > commit) && !n.since[w.ID] {
				d.wrong("kept", "node %d saves the state after number %d, and not %s behind it", n.id, commit, w.ID)
				return
			}
		}
	}
}

// isState judges pairs of the committed state after a number, from a key on to the end; sure
// tells which writes are in it.
func (d *Database) isState(n *server, number uint64, sure vector.Vector, pairs []proto.Pair, from string) {
	if number > uint64(len(d.given)) {
		d.wrong("state", "node %d has a state after number %d, which nobody has given", n.id, number)
		return
	}
	d.arePairs(n, number, pairs, from, "")
	for _, a := range d.authors {
		t, heard := covers(sure, a.name)
		want := a.upToNumber(number)
		if d.names[a.name] == a && (a.upTo(t) != want || heard && (t == vector.MaxTime) != a.hasRetired(want)) {
			d.wrong("state", "node %d says that in the state after number %d are the writes of %v up to time %d: there are %d", n.id, number, a.name, t, want)
		}
	}
}

// arePairs judges the pairs of a committed state between two keys; empty: from the first, to the end.
func (d *Database) arePairs(n *server, number uint64, pairs []proto.Pair, from, to string) {
	want := slices.DeleteFunc(d.after(number).pairs(), func(p proto.Pair) bool {
		return p.Key < from || to != "" && p.Key >= to
	})
	same := slices.EqualFunc(pairs, want, func(a, b proto.Pair) bool { return a.Key == b.Key && bytes.Equal(a.Value, b.Value) })
	if !same {
		d.wrong("state", "node %d: the state after number %d is not what its writes come to", n.id, number)
	}
}
