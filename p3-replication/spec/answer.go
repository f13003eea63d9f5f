package spec

import (
	"bytes"
	"maps"
	"slices"

	"dss.example/common/app"
	"dss.example/common/kv"
	"dss.example/common/machine"

	"dss.example/p3-replication/bayou/proto"
)

// answers judges an answer to a client.
func (d *Database) answers(n *server, a machine.Answer) {
	req, resp := n.asks[a.ID], a.Data.(*kv.Response)
	delete(n.asks, a.ID)
	if req == nil || resp.Status != kv.OK && resp.Status != kv.NotFound {
		return
	}
	if a.Early {
		d.wrong("saved first", "node %d answers before what it knows is saved", n.id)
	}
	if updateOf(req.Op) != nil {
		d.isWritten(n, req.Op, resp)
	} else {
		d.isRead(n, req, resp)
	}
	if d.err == nil && !kv.Administers(req.Op) {
		d.serves(n, req, resp)
	}
}

// isWritten judges the answer to a write.
func (d *Database) isWritten(n *server, op kv.Op, resp *kv.Response) {
	acc, ok := n.accepted[resp.Rev]
	delete(n.accepted, resp.Rev)
	res, _ := resp.Result.(kv.GuardedResult)
	_, guarded := op.(kv.Guarded)
	switch {
	case !ok || !wants(op, &acc.write.Write):
		d.wrong("written", "node %d answers a write with %s, which it has not accepted for it", n.id, resp.Rev)
	case (resp.Status == kv.NotFound) != acc.missing:
		d.wrong("written", "node %d deletes a key and answers %v", n.id, resp.Status)
	case guarded && res.Fate != acc.fate:
		d.wrong("written", "node %d says that %s is %v: it is %v", n.id, acc.write.ID, res.Fate, acc.fate)
	case resp.Stable && (acc.write.number == 0 || acc.write.number > n.commit):
		d.wrong("stable", "node %d says that %s is stable, and it has no number there", n.id, acc.write.ID)
	}
}

// isRead judges the answer to a read. Where a step has several answers, nobody can tell which
// of the writes in it came before.
func (d *Database) isRead(n *server, req *kv.Request, resp *kv.Response) {
	sure := d.after(n.commit)
	if req.Level == kv.Prefix {
		if !d.shows(n, sure, req.Op, resp) {
			d.wrong("read", "node %d reads what is stable, and answers otherwise than the writes up to number %d come to", n.id, n.commit)
		}
		return
	}
	full := func(p *plain) bool { return d.shows(n, p, req.Op, resp) }
	if !full(d.view(n)) && !slices.ContainsFunc(n.past, full) {
		d.wrong("read", "node %d answers %s otherwise than the writes come to that it knows", n.id, kv.OpName(req.Op))
	}
	if resp.Stable && len(n.tentative) > 0 && !d.shows(n, sure, req.Op, resp) {
		d.wrong("stable", "node %d says that its answer to %s is stable, and it is not", n.id, kv.OpName(req.Op))
	}
}

// shows tells whether an answer is what a state comes to.
func (d *Database) shows(n *server, p *plain, op kv.Op, resp *kv.Response) bool {
	switch op := op.(type) {
	case kv.Get:
		it, there := p.items[op.Key]
		got, _ := resp.Result.(kv.Item)
		return there == (resp.Status == kv.OK) && (!there || sameItem(&got, op.Key, it, true))
	case kv.Scan:
		got, _ := resp.Result.(kv.Items)
		return p.lists(op, &got)
	case kv.Stat:
		got, _ := resp.Result.(kv.Stats)
		return p.counts(op, &got)
	case kv.Inquire:
		return d.stands(n, op, resp)
	case kv.Conflicts:
		got, _ := resp.Result.(kv.ConflictList)
		return d.listed(n, p, op, got)
	}
	return true
}

func sameItem(got *kv.Item, key string, it item, valued bool) bool {
	return got.Key == key && got.Mod == version(it.mod) && got.Create == version(it.create) && got.Count == it.count &&
		(!valued || bytes.Equal(got.Value, it.value))
}

// lists tells whether a list is what a scan finds, as far as it goes.
func (p *plain) lists(op kv.Scan, got *kv.Items) bool {
	keys := p.keys(op.From, op.To)
	if op.Descending {
		slices.Reverse(keys)
	}
	if int(got.Count) != len(keys) || len(got.List) > len(keys) || op.Limit > 0 && len(got.List) > op.Limit {
		return false
	}
	for i := range got.List {
		if !sameItem(&got.List[i], keys[i], p.items[keys[i]], !op.KeysOnly) {
			return false
		}
	}
	all := len(got.List) == len(keys)
	return op.CountOnly || all != got.More && (all || len(got.List) > 0)
}

// counts tells whether a server's figures are those of the state.
func (p *plain) counts(op kv.Stat, got *kv.Stats) bool {
	size := 0
	for key, it := range p.items {
		size += len(key) + len(it.value)
	}
	if int(got.Keys) != len(p.items) || int(got.Bytes) != size {
		return false
	}
	if !op.Hash {
		return true
	}
	want := app.Hash(p)
	return bytes.Equal(got.Hash, want[:])
}

// stands tells whether a server says of a write what it knows.
func (d *Database) stands(n *server, op kv.Inquire, resp *kv.Response) bool {
	got, _ := resp.Result.(kv.Standing)
	w := d.versions[op.Write]
	known := w != nil && n.knows(w)
	stable := known && w.number > 0 && w.number <= n.commit
	return got.Known == known && got.Stable == stable && resp.Stable == stable &&
		(got.Commit == 0 || stable && got.Commit == w.number)
}

// listed tells whether conflicts are those of the state, behind one, as many as were asked for.
func (d *Database) listed(n *server, p *plain, op kv.Conflicts, got kv.ConflictList) bool {
	var after string
	if w := d.versions[op.After]; w != nil {
		after = stampKey(w.ID)
	}
	keys := slices.DeleteFunc(slices.Sorted(maps.Keys(p.conflicts)), func(key string) bool { return key <= after })
	if len(got.List) > len(keys) || got.More != (len(got.List) < len(keys)) || got.More && len(got.List) == 0 {
		return false
	}
	for i := range got.List {
		g, want := &got.List[i], p.conflicts[keys[i]]
		w := d.find(want.id)
		stable := w != nil && w.number > 0 && w.number <= n.commit
		if g.Write != version(want.id) || g.Server != want.id.Server.String() || g.Text != want.text || g.Stable != stable ||
			!slices.EqualFunc(g.Then, want.update, sameChange) {
			return false
		}
	}
	return true
}

func sameChange(op kv.Op, c proto.Change) bool {
	u := updateOf(op).Update[0]
	return u.Key == c.Key && u.Delete == c.Delete && bytes.Equal(u.Value, c.Value)
}
