package spec

import (
	"slices"

	"dss.example/common/kv"
)

// session is what the holder of a token has done: the writes that were known where it has read,
// any of which may be among what it saw, and its own.
type session struct {
	wants  kv.Guarantees
	read   []int // by author, as in server
	write  []*write
	commit uint64 // number behind which it has read what is stable
}

// begun returns the session of a request; ok is false if its token is nobody's.
func (d *Database) begun(req *kv.Request) (t session, ok bool) {
	switch {
	case len(req.Token) == 0 && req.Level == kv.Eventual:
		return session{}, true
	case len(req.Token) == 0:
		return session{wants: kv.AllGuarantees}, true
	case len(req.Token) == 1:
		return session{wants: kv.Guarantees(req.Token[0])}, true
	}
	t, ok = d.sessions[string(req.Token)]
	return t, ok
}

// serves judges that a server serves a session, and notes what the session has seen and done.
func (d *Database) serves(n *server, req *kv.Request, resp *kv.Response) {
	t, ok := d.begun(req)
	if !ok {
		d.wrong("session", "node %d serves a session with a token that nobody has given", n.id)
		return
	}
	writes, reads := kv.MonotonicWrites, kv.WritesFollowReads
	if kv.ReadOnly(req.Op) {
		writes, reads = kv.ReadYourWrites, kv.MonotonicReads
	}
	switch stable := req.Level == kv.Prefix && kv.ReadOnly(req.Op); {
	case stable && n.commit < t.commit:
		d.wrong("session", "node %d reads what is stable up to number %d, for a session that has read up to %d", n.id, n.commit, t.commit)
	case !stable && t.wants&writes != 0 && slices.ContainsFunc(t.write, func(w *write) bool { return d.lacks(n, w) }):
		d.wrong("session", "node %d serves a session and lacks a write of its own", n.id)
	case !stable && t.wants&reads != 0 && d.behind(n, t.read):
		d.wrong("session", "node %d serves a session and lacks writes that it may have read", n.id)
	}
	if len(resp.Token) > 0 {
		d.sessions[string(resp.Token)] = t.after(d, n, req, resp)
	}
}

func (d *Database) lacks(n *server, w *write) bool {
	return d.versions[version(w.ID)] == w && !n.knows(w)
}

// behind tells whether a server knows fewer writes of any author.
func (d *Database) behind(n *server, read []int) bool {
	for i, count := range read {
		if a := d.authors[i]; n.count(a) < min(count, len(a.writes)) {
			return true
		}
	}
	return false
}

// after is the session when a request was answered.
func (t session) after(d *Database, n *server, req *kv.Request, resp *kv.Response) session {
	if w := d.versions[resp.Rev]; w != nil && updateOf(req.Op) != nil {
		t.write = append(slices.Clip(t.write), w)
	}
	switch req.Op.(type) {
	case kv.Get, kv.Scan, kv.Stat:
	default:
		return t
	}
	t.read = slices.Clone(t.read)
	for _, a := range d.authors {
		count := n.count(a)
		switch {
		case req.Level == kv.Prefix:
			count = min(count, a.upToNumber(n.commit))
		case a == n.me && n.several:
			count = min(count, a.heard) // some may have come behind the read, in the same step
		}
		raise(&t.read, a, count)
	}
	if req.Level == kv.Prefix {
		t.commit = max(t.commit, n.commit)
	}
	return t
}
