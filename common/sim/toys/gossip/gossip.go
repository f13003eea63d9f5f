// Package gossip is a toy store of two replicas, to prove the simulator through
// the door: each replica takes writes alone, they exchange what the other lacks
// now and then, the later stamp wins, and a token names what its caller has seen.
//
// It promises kv.Session: a replica that lacks something of the caller's token
// lets the caller wait.
package gossip

import (
	"cmp"
	"slices"

	"dss.example/common/cbor"
	"dss.example/common/kv"
	"dss.example/common/machine"
)

// Bug breaks the toy on purpose, one line each.
type Bug string

// The bugs. None is the right toy.
const (
	None        Bug = ""
	IgnoreToken Bug = "a replica answers whatever the token says"
	OldToken    Bug = "reads leave no trace in the token"
	ByArrival   Bug = "the write that arrives last wins, not the latest"
	StuckClock  Bug = "the clock does not move on when a write is received"
)

// Period is the time between two exchanges.
const Period = 20 * machine.Millisecond

// maxWaiting bounds the requests that wait at a replica for their token; more are
// refused.
const maxWaiting = 64

// stamp orders writes: Lamport's clock, then the replica.
type stamp struct {
	time uint64
	node machine.Node
}

func (s stamp) after(o stamp) bool {
	return s.time > o.time || s.time == o.time && s.node > o.node
}

// write is one write of a replica, the n-th that it took.
type write struct {
	stamp   stamp
	n       uint64
	key     string
	value   []byte
	deleted bool
}

// replica is one of the two.
type replica struct {
	self, peer machine.Addr
	bug        Bug
	clock      uint64
	seen       vector
	writes     []write // all, in order of arrival
	now        map[string]write
	waiting    []machine.Ask
}

// vector tells how many writes of each replica are known.
type vector [2]uint64

func (v vector) covers(o vector) bool { return v[0] >= o[0] && v[1] >= o[1] }

func (v vector) join(o vector) vector { return vector{max(v[0], o[0]), max(v[1], o[1])} }

func slotOf(n machine.Node) int { return int(n-1) & 1 }

// Protocol is a replica's; the nodes are 1 and 2, the role is "replica".
func Protocol(bug Bug) *machine.Protocol {
	return &machine.Protocol{
		Name: "gossip", Message: decodeMessage, Record: decodeRecord, Command: kv.DecodeRequest, Answer: kv.DecodeResponse,
		New: func(self machine.Addr, _ []byte) (machine.Machine, error) {
			peer := machine.Addr{Node: 3 - self.Node, Role: self.Role}
			return &replica{self: self, peer: peer, bug: bug, now: map[string]write{}}, nil
		},
	}
}

// Step implements machine.Machine.
func (r *replica) Step(in machine.In, out *machine.Out) {
	switch e := in.Event.(type) {
	case machine.Load:
		if w, ok := e.Record.(write); ok {
			r.learn(w)
		}
	case machine.Ready:
		out.Timer(r.self, Period, tick{})
	case machine.Ask:
		r.ask(e, out)
	case machine.Cancel:
		r.waiting = slices.DeleteFunc(r.waiting, func(a machine.Ask) bool { return a.ID == e.ID })
	case machine.Recv:
		r.recv(e, out)
	}
}

func (r *replica) recv(e machine.Recv, out *machine.Out) {
	switch m := e.Msg.(type) {
	case tick:
		out.SendTo(r.peer, lack{r.seen})
		out.Timer(r.self, Period, tick{})
	case lack:
		for _, w := range r.writes {
			if w.n > m.seen[slotOf(w.stamp.node)] {
				out.SendTo(r.peer, w)
			}
		}
	case write:
		if m.n == r.seen[slotOf(m.stamp.node)]+1 { // in order, each once
			r.learn(m)
			out.Save = append(out.Save, m)
			r.retry(out)
		}
	}
}

// learn takes in a write.
func (r *replica) learn(w write) {
	r.seen[slotOf(w.stamp.node)] = w.n
	if r.bug != StuckClock || w.stamp.node == r.self.Node {
		r.clock = max(r.clock, w.stamp.time)
	}
	r.writes = append(r.writes, w)
	if old, ok := r.now[w.key]; !ok || w.stamp.after(old.stamp) || r.bug == ByArrival {
		r.now[w.key] = w
	}
}

// retry serves those that waited for something, if it has come.
func (r *replica) retry(out *machine.Out) {
	asks := r.waiting
	r.waiting = nil
	for _, a := range asks {
		r.ask(a, out)
	}
}

func (r *replica) ask(a machine.Ask, out *machine.Out) {
	req := a.Cmd.(*kv.Request)
	if bad := refuse(req); bad != nil {
		out.Answer(a.ID, bad)
		return
	}
	wants, err := decodeVector(req.Token)
	if err != nil {
		out.Answer(a.ID, kv.Refuse(kv.Invalid, "token: %v", err))
		return
	}
	switch {
	case r.seen.covers(wants) || r.bug == IgnoreToken:
		out.Answer(a.ID, r.do(req, wants, out))
	case len(r.waiting) < maxWaiting:
		r.waiting = append(r.waiting, a)
	default:
		out.Answer(a.ID, kv.Refuse(kv.Overloaded, "%d requests wait for their tokens", maxWaiting))
	}
}

func refuse(req *kv.Request) *kv.Response {
	if bad := kv.Check(req); bad != nil {
		return bad
	}
	switch op := req.Op.(type) {
	case kv.Get, kv.Delete, kv.Scan:
	case kv.Put:
		if op.Lease != 0 {
			return kv.Refuse(kv.Unsupported, "leases")
		}
	default:
		return kv.Refuse(kv.Unsupported, "%s", kv.OpName(op))
	}
	if req.Session != 0 || !req.At.IsZero() || req.Level > kv.Session {
		return kv.Refuse(kv.Unsupported, "sessions, old revisions or levels above session")
	}
	return nil
}

func (r *replica) do(req *kv.Request, wants vector, out *machine.Out) *kv.Response {
	resp := &kv.Response{Status: kv.OK}
	switch op := req.Op.(type) {
	case kv.Get:
		if w, ok := r.now[op.Key]; ok && !w.deleted {
			resp.Result = r.item(w)
		} else {
			resp.Status = kv.NotFound
		}
	case kv.Scan:
		resp.Result = r.scan(op)
	case kv.Put:
		resp.Rev = r.accept(write{key: op.Key, value: slices.Clone(op.Value)}, out)
	case kv.Delete:
		if w, ok := r.now[op.Key]; ok && !w.deleted {
			resp.Rev = r.accept(write{key: op.Key, deleted: true}, out)
		} else {
			resp.Status = kv.NotFound
		}
	}
	seen := r.seen
	if r.bug == OldToken && kv.ReadOnly(req.Op) {
		seen = vector{}
	}
	resp.Token = encodeVector(wants.join(seen))
	return resp
}

// accept makes a write this replica's next and returns its version.
func (r *replica) accept(w write, out *machine.Out) kv.Version {
	w.stamp = stamp{r.clock + 1, r.self.Node}
	w.n = r.seen[slotOf(r.self.Node)] + 1
	r.learn(w)
	out.Save = append(out.Save, w)
	return w.version()
}

func (r *replica) scan(op kv.Scan) kv.Items {
	var found kv.Items
	for key, w := range r.now { //house:unordered sorted below
		if key >= op.From && (op.To == "" || key < op.To) && !w.deleted {
			found.List = append(found.List, r.item(w))
		}
	}
	slices.SortFunc(found.List, func(a, b kv.Item) int {
		if op.Descending {
			a, b = b, a
		}
		return cmp.Compare(a.Key, b.Key)
	})
	found.Count = len(found.List)
	limit := kv.MaxScan
	if op.Limit > 0 {
		limit = min(limit, op.Limit)
	}
	found.More = found.Count > limit
	found.List = found.List[:min(limit, found.Count)]
	for i := range found.List {
		if op.KeysOnly {
			found.List[i].Value = nil
		}
	}
	if op.CountOnly {
		found.List, found.More = nil, found.Count > 0
	}
	return found
}

func (w write) version() kv.Version { return kv.Version{Hi: w.stamp.time, Lo: uint64(w.stamp.node)} }

// item is the key that w has won. Its history is that of all known writes in the
// order of their stamps, so that replicas which know the same agree.
func (r *replica) item(w write) kv.Item {
	item := kv.Item{Key: w.key, Value: slices.Clone(w.value), Mod: w.version()}
	var all []write
	for _, o := range r.writes {
		if o.key == w.key && !o.stamp.after(w.stamp) {
			all = append(all, o)
		}
	}
	slices.SortFunc(all, func(a, b write) int { return a.version().Compare(b.version()) })
	for _, o := range all {
		switch item.Count++; {
		case o.deleted:
			item.Count = 0
		case item.Count == 1:
			item.Create = o.version()
		}
	}
	return item
}

// The messages: tick is the timer, lack asks for what its sender has not seen, a
// write is one that the receiver lacks. The first item is the kind.
type (
	tick struct{}
	lack struct{ seen vector }
)

// AppendTo implements machine.Data.
func (tick) AppendTo(b []byte) []byte { return cbor.AppendUint(b, 0) }

// AppendTo implements machine.Data.
func (l lack) AppendTo(b []byte) []byte {
	return append(cbor.AppendUint(b, 1), encodeVector(l.seen)...)
}

// AppendTo implements machine.Data.
func (w write) AppendTo(b []byte) []byte {
	b = cbor.AppendUint(cbor.AppendUint(b, 2), w.stamp.time)
	b = cbor.AppendUint(cbor.AppendUint(b, uint64(w.stamp.node)), w.n)
	return cbor.AppendBool(cbor.AppendBytes(cbor.AppendKey(b, w.key), w.value), w.deleted)
}

func decodeMessage(b []byte) (machine.Data, error) {
	r := cbor.NewReader(b)
	switch kind := r.Uint(); kind {
	case 0:
		return tick{}, r.Close()
	case 1:
		v := readVector(&r)
		return lack{v}, r.Close()
	case 2:
		w := write{stamp: stamp{r.Uint(), machine.Node(r.Uint())}, n: r.Uint(), key: r.Key(), value: r.CopyBytes(), deleted: r.Bool()}
		return w, r.Close()
	default:
		r.Fail("message kind %d", kind)
		return nil, r.Close()
	}
}

func decodeRecord(b []byte) (machine.Data, error) { return decodeMessage(b) }

func encodeVector(v vector) []byte {
	return cbor.AppendUint(cbor.AppendUint(nil, v[0]), v[1])
}

func readVector(r *cbor.Reader) vector { return vector{r.Uint(), r.Uint()} }

func decodeVector(b []byte) (vector, error) {
	if len(b) == 0 {
		return vector{}, nil
	}
	r := cbor.NewReader(b)
	v := readVector(&r)
	return v, r.Close()
}
