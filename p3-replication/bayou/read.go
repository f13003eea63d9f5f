package bayou

import (
	"fmt"

	"dss.example/common/kv"
	"dss.example/common/machine"

	"dss.example/p3-replication/bayou/proto"
	"dss.example/p3-replication/bayou/state"
	"dss.example/p3-replication/vector"
)

// read answers from a view. Stable tells whether all that is answered would be the same in
// the other.
func (s *Server) read(view state.View, op kv.Op) *kv.Response {
	resp := &kv.Response{Status: kv.OK, Rev: s.revision(), Stable: bool(view)}
	switch op := op.(type) {
	case kv.Get:
		it, ok := s.state.Get(view, op.Key)
		resp.Stable = resp.Stable || s.isStable(op.Key, it.Mod)
		if !ok {
			resp.Status = kv.NotFound
			return resp
		}
		resp.Result = item(op.Key, it)
	case kv.Scan:
		s.scan(view, op, resp)
	case kv.Stat:
		s.stat(view, op, resp)
	}
	return resp
}

// revision names the state of this server: it changes with all that is known.
func (s *Server) revision() kv.Version {
	return kv.Version{Hi: s.log.Commit(), Lo: s.clock.Last() + 1}
}

// isStable tells whether the sure view has the same at a key: an item of the same write, or
// none.
func (s *Server) isStable(key string, mod vector.Stamp) bool {
	it, _ := s.state.Get(state.Sure, key)
	return it.Mod == mod
}

func item(key string, it state.Item) kv.Item {
	return kv.Item{Key: key, Value: it.Value, Mod: version(it.Mod), Create: version(it.Create), Count: it.Count}
}

// scan lists what fits.
func (s *Server) scan(view state.View, op kv.Scan, resp *kv.Response) {
	limit := op.Limit
	if limit == 0 || limit > kv.MaxScan {
		limit = kv.MaxScan
	}
	var found kv.Items
	size := 0
	for key, it := range s.state.Items(view, op.From, op.To, op.Descending) {
		found.Count++
		if op.CountOnly || found.More {
			continue
		}
		size += len(key) + itemOverhead
		if !op.KeysOnly {
			size += len(it.Value)
		}
		if len(found.List) == limit || size > kv.MaxMessage-itemOverhead && len(found.List) > 0 {
			found.More = true
			continue
		}
		one := item(key, it)
		if op.KeysOnly {
			one.Value = nil
		}
		found.List = append(found.List, one)
	}
	resp.Result = found
	resp.Stable = bool(view) || len(s.log.Tentative()) == 0
}

// itemOverhead is more than an encoded Item takes besides its key and value.
const itemOverhead = 128

func (s *Server) stat(view state.View, op kv.Stat, resp *kv.Response) {
	var st kv.Stats
	for key, it := range s.state.Items(view, "", "", false) {
		st.Keys++
		st.Bytes += uint64(len(key) + len(it.Value))
	}
	if op.Hash {
		hash := s.state.Hash(view)
		st.Hash = hash[:]
	}
	resp.Result = st
	resp.Stable = bool(view) || len(s.log.Tentative()) == 0
}

// inquire tells of a write that a client has made.
func (s *Server) inquire(op kv.Inquire) *kv.Response {
	resp := &kv.Response{Status: kv.OK, Rev: s.revision()}
	st := kv.Standing{}
	for _, e := range s.log.Known {
		id := vector.Stamp{Time: op.Write.Hi, Server: e.Server}
		if version(id) == op.Write && s.log.Known.Knows(id) {
			st.Known, st.Stable = true, s.log.Sure.Knows(id)
		}
	}
	wanted := func(id vector.Stamp) bool { return version(id) == op.Write }
	if st.Commit = s.log.NumberOf(op.Write.Hi, wanted); st.Commit > 0 { // its server may have retired since
		st.Known, st.Stable = true, true
	}
	for _, w := range s.log.Tentative() {
		st.Known = st.Known || w.ID.Time == op.Write.Hi && wanted(w.ID)
	}
	resp.Result, resp.Stable = st, st.Stable
	return resp
}

// conflicts lists what could not be done.
func (s *Server) conflicts(view state.View, op kv.Conflicts) *kv.Response {
	limit := op.Limit
	if limit == 0 || limit > kv.MaxConflicts {
		limit = kv.MaxConflicts
	}
	var list kv.ConflictList
	size := 0
	for c := range s.state.Conflicts(view, s.stampOf(view, op.After)) {
		size += conflictSize(&c)
		if list.More = len(list.List) == limit || size > kv.MaxMessage-itemOverhead && len(list.List) > 0; list.More {
			break
		}
		list.List = append(list.List, kv.Conflicted{
			Write: version(c.ID), Server: c.ID.Server.String(), Text: c.Text, Then: steps(c.Update), Stable: s.log.Sure.Knows(c.ID),
		})
	}
	return &kv.Response{Status: kv.OK, Rev: s.revision(), Result: list, Stable: bool(view)}
}

// conflictSize is at least what a conflict takes in an answer.
func conflictSize(c *state.Conflict) int {
	n := itemOverhead + len(c.Text) + 2*len(c.ID.Server.String())
	for i := range c.Update {
		n += itemOverhead + len(c.Update[i].Key) + len(c.Update[i].Value)
	}
	return n
}

// stampOf returns the stamp of a write, of which a version holds the time only: it may have been
// resolved since it was listed, but its server is known or it is still there. If not, it is the
// last stamp before that time: a conflict may be listed twice then, but none is left out.
func (s *Server) stampOf(view state.View, v kv.Version) vector.Stamp {
	if v.Hi == 0 {
		return vector.Stamp{}
	}
	for _, e := range s.log.Known {
		if id := (vector.Stamp{Time: v.Hi, Server: e.Server}); version(id) == v {
			return id
		}
	}
	before := vector.Stamp{Time: v.Hi - 1, Server: lastServer}
	for c := range s.state.Conflicts(view, before) {
		switch {
		case version(c.ID) == v:
			return c.ID
		case c.ID.Time > v.Hi:
			return before
		}
	}
	return before
}

// lastServer comes behind all names of servers.
const lastServer = vector.Server("\xff")

func steps(changes []proto.Change) (ops []kv.Op) {
	for _, c := range changes {
		if c.Delete {
			ops = append(ops, kv.Delete{Key: c.Key})
		} else {
			ops = append(ops, kv.Put{Key: c.Key, Value: c.Value})
		}
	}
	return ops
}

// administer tells of the servers, or changes them.
func (s *Server) administer(op kv.Op) *kv.Response {
	switch op := op.(type) {
	case kv.Members:
		return &kv.Response{Status: kv.OK, Result: s.group()}
	case kv.Inspect:
		return &kv.Response{Status: kv.OK, Result: s.inspect()}
	case kv.Transfer:
		return s.handOver(machine.Node(op.To))
	case kv.Change:
		return s.change(op)
	}
	return unsupported(op)
}

// handOver makes another server the primary.
//
//ds:todo p3.6
func (s *Server) handOver(to machine.Node) *kv.Response {
	heir, ok := s.serverAt(to)
	switch {
	case s.cfg.Order != "":
		return kv.Refuse(kv.Unsupported, "there is no primary here: commit numbers come from elsewhere")
	case !s.isPrimary():
		resp := kv.Refuse(kv.Unavailable, "this server is not the primary: only that one hands its office over")
		resp.Try = s.addrOf(s.state.Primary(state.Sure))
		return resp
	case !ok:
		return kv.Refuse(kv.Invalid, "server %d: want one of the members", to)
	case heir.Name == s.me.Name:
		return &kv.Response{Status: kv.OK}
	}
	if !s.accept(&proto.Write{Kind: proto.Handover, Heir: heir.Name}) {
		return kv.Refuse(kv.Unavailable, "the clock of this server has come to its end")
	}
	s.settle()
	return &kv.Response{Status: kv.OK}
}

// change lets this server retire. Servers come by themselves, when they start.
func (s *Server) change(op kv.Change) *kv.Response {
	switch {
	case op.Add != 0:
		return kv.Refuse(kv.Invalid, "server %d cannot be added: it is born when it starts, on an empty disk, with this server among its peers", op.Add)
	case machine.Node(op.Remove) != s.self.Node:
		resp := kv.Refuse(kv.Unavailable, "server %d: a server retires by a write of its own: ask that one", op.Remove)
		if other, ok := s.serverAt(machine.Node(op.Remove)); ok {
			resp.Try = other.Place.Addr
		}
		return resp
	case s.isPrimary():
		return kv.Refuse(kv.Invalid, "this server is the primary: let it hand its office over first")
	case s.isLast():
		return kv.Refuse(kv.Invalid, "this server is the only one: with it the database would end")
	case !s.retire():
		return kv.Refuse(kv.Unavailable, "this server has retired already")
	}
	return &kv.Response{Status: kv.OK}
}

// isLast tells whether all other servers that are known have retired.
func (s *Server) isLast() bool {
	for server := range s.state.Servers(state.Full) {
		if server.Name != s.me.Name {
			return false
		}
	}
	return true
}

// serverAt returns the newest server of a node.
func (s *Server) serverAt(node machine.Node) (found state.Server, ok bool) {
	for server := range s.state.Servers(state.Full) {
		if server.Place.Node == node && (!ok || server.Name.Born().Compare(found.Name.Born()) > 0) {
			found, ok = server, true
		}
	}
	return found, ok
}

func (s *Server) addrOf(name vector.Server) string {
	for server := range s.state.Servers(state.Full) {
		if server.Name == name {
			return server.Place.Addr
		}
	}
	return ""
}

func (s *Server) nodeOf(name vector.Server) machine.Node {
	for server := range s.state.Servers(state.Full) {
		if server.Name == name {
			return server.Place.Node
		}
	}
	return 0
}

// group is who is there, as far as is known here.
func (s *Server) group() kv.Group {
	primary := s.primary()
	g := kv.Group{
		Version: 1, Commit: s.log.Commit(), Asked: kv.ReplicaID(s.self.Node), Leader: kv.ReplicaID(s.nodeOf(primary)),
	}
	for server := range s.state.Servers(state.Full) {
		role := kv.Follower
		if server.Name == primary {
			role = kv.Leader
		}
		g.Members = append(g.Members, kv.Member{ID: kv.ReplicaID(server.Place.Node), Addr: server.Place.Addr, Role: role})
	}
	return g
}

// inspect tells of this server.
func (s *Server) inspect() kv.Replica {
	r := kv.Replica{
		ID: kv.ReplicaID(s.self.Node), Role: kv.Follower, Leader: kv.ReplicaID(s.nodeOf(s.primary())),
		Commit: s.log.Commit(), First: s.log.Dropped() + 1,
	}
	switch {
	case !s.named():
		r.Role, r.Waiting = kv.Joining, s.waitsFor()
	case s.isPrimary():
		r.Role = kv.Leader
	}
	return r
}

// waitsFor tells people what a server that has no name waits for.
func (s *Server) waitsFor() string {
	const text = "another server to bear it"
	switch {
	case s.me.Name != "":
		return "the write that it was born by"
	case len(s.cfg.Peers) == 0:
		return text + ": it knows of none: name one as its peer"
	case s.founding == 0 || s.now-s.founding < s.cfg.Founding:
		return text
	case len(s.denied) > 0:
		return fmt.Sprintf("%s: %d of its %d peers have no name either, and no other answers: start the one that founds the database", text, len(s.denied), len(s.cfg.Peers))
	}
	return fmt.Sprintf("%s: none of its %d peers answers: start one of them, or a server of the database that has this one among its peers", text, len(s.cfg.Peers))
}
