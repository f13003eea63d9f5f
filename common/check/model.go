package check

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"time"

	"dss.example/common/kv"
	"dss.example/common/machine"
)

// Model is the sequential store: slow, and obviously right. One call of Do is one
// operation, so a Model behind a mutex is a strictly serializable Store. It holds
// all that it was told, and is not safe for concurrent use.
type Model struct {
	caps     kv.Caps
	keep     uint64
	now      machine.Time
	items    space
	rev      kv.Version // of the last write that changed something
	oldest   kv.Version // the oldest revision that can be read
	log      []change   // every change after oldest, in order
	leases   map[kv.LeaseID]*lease
	sessions map[uint64]*session
	nextID   uint64
}

// change is what one revision did to one key; nil is absent.
type change struct {
	rev           kv.Version
	before, after *kv.Item
}

type lease struct {
	ttl time.Duration
	end machine.Time
}

type session struct {
	ttl     time.Duration
	end     machine.Time
	acked   uint64
	answers map[uint64]*kv.Response // of writes, by their sequence numbers
}

// NewModel returns an empty store that offers caps. It keeps the history of the
// last keep revisions; 0 keeps all.
func NewModel(caps kv.Caps, keep uint64) *Model {
	return &Model{
		caps: caps, keep: keep,
		leases: map[kv.LeaseID]*lease{}, sessions: map[uint64]*session{}, nextID: 1,
	}
}

// StartAt makes an empty Model count its revisions from rev.
func (m *Model) StartAt(rev kv.Version) { m.rev, m.oldest = rev, rev }

// Adopt makes id the name of the next lease or session, so that the Model follows
// a store that names them otherwise.
func (m *Model) Adopt(id uint64) { m.nextID = id }

// Rev returns the present revision.
func (m *Model) Rev() kv.Version { return m.rev }

// Items returns the present contents in order of keys.
func (m *Model) Items() []kv.Item {
	items := make([]kv.Item, len(m.items))
	for i, it := range m.items {
		items[i] = copied(it)
	}
	return items
}

// Needs returns the capabilities that a Store must offer to do req.
func Needs(req *kv.Request) kv.Cap {
	need := opNeeds(req.Op)
	if req.Session != 0 {
		need |= kv.CapSessions
	}
	if !req.At.IsZero() {
		need |= kv.CapRevisions
	}
	return need
}

func opNeeds(op kv.Op) (need kv.Cap) {
	switch op := op.(type) {
	case kv.Put:
		return leaseNeeds(op.Lease)
	case kv.Append:
		return kv.CapAppend
	case kv.CAS:
		return kv.CapCompare | leaseNeeds(op.Lease)
	case kv.Txn:
		need = kv.CapCompare
		for _, o := range slices.Concat(op.Then, op.Else) {
			need |= opNeeds(o)
		}
	case kv.Events:
		return kv.CapWatch
	case kv.Grant, kv.KeepAlive, kv.Revoke, kv.Leases:
		return kv.CapLeases
	case kv.OpenSession, kv.CloseSession:
		return kv.CapSessions
	case kv.Stat:
		return kv.CapStat
	case kv.Members, kv.Inspect, kv.Change, kv.Transfer:
		return kv.CapMembers
	case kv.Guarded, kv.Inquire, kv.Conflicts:
		return kv.CapTentative
	case kv.Probe:
		return kv.CapProbe
	}
	return need
}

// beyond is what no Model does, whatever it is told to offer: it has no servers, runs no
// programs, and whatever it has written stays where it is in the order.
const beyond = kv.CapMembers | kv.CapTentative | kv.CapProbe

func leaseNeeds(id kv.LeaseID) kv.Cap {
	if id != 0 {
		return kv.CapLeases
	}
	return 0
}

// Do executes req at time now, which never goes backwards. An Events does not
// wait. The answer shares no memory with the Model.
func (m *Model) Do(now machine.Time, req *kv.Request) *kv.Response {
	m.now = max(m.now, now)
	m.expire()
	if bad := kv.Check(req); bad != nil {
		return bad
	}
	if need := Needs(req); need&beyond != 0 || !m.caps.Has.Has(need) || req.Level > m.caps.Level {
		return kv.Refuse(kv.Unsupported, "%s needs %s at level %s", kv.OpName(req.Op), need, req.Level)
	}
	if req.Session == 0 {
		return m.execute(req)
	}
	return m.inSession(req)
}

// inSession executes a write at most once, and a read as often as it comes.
func (m *Model) inSession(req *kv.Request) *kv.Response {
	s := m.sessions[req.Session]
	if s == nil {
		return kv.Refuse(kv.NoSession, "session %d", req.Session)
	}
	s.end = m.now + machine.Time(s.ttl)
	if req.Acked > s.acked {
		s.acked = req.Acked
		maps.DeleteFunc(s.answers, func(seq uint64, _ *kv.Response) bool { return seq <= s.acked })
	}
	switch old := s.answers[req.Seq]; {
	case req.Seq <= s.acked:
		return kv.Refuse(kv.Forgotten, "request %d: answers up to %d were acknowledged", req.Seq, s.acked)
	case old != nil:
		return copyResponse(old)
	case kv.ReadOnly(req.Op):
		return m.execute(req)
	case len(s.answers) >= kv.MaxInFlight:
		return kv.Refuse(kv.Overloaded, "%d answers of session %d are not acknowledged", len(s.answers), req.Session)
	}
	resp := m.execute(req)
	s.answers[req.Seq] = resp
	return copyResponse(resp)
}

func (m *Model) execute(req *kv.Request) *kv.Response {
	switch op := req.Op.(type) {
	case kv.Events:
		return m.events(op)
	case kv.Grant:
		id := kv.LeaseID(m.newID())
		m.leases[id] = &lease{op.TTL, m.now + machine.Time(op.TTL)}
		return m.answer(m.leaseInfo(id))
	case kv.KeepAlive:
		l := m.leases[op.Lease]
		if l == nil {
			return noLease(op.Lease)
		}
		l.end = m.now + machine.Time(l.ttl)
		return m.answer(m.leaseInfo(op.Lease))
	case kv.Revoke:
		if m.leases[op.Lease] == nil {
			return noLease(op.Lease)
		}
		m.end(op.Lease)
		return m.answer(nil)
	case kv.Leases:
		return m.listLeases(op.Lease)
	case kv.OpenSession:
		id := m.newID()
		m.sessions[id] = &session{op.TTL, m.now + machine.Time(op.TTL), 0, map[uint64]*kv.Response{}}
		return m.answer(kv.SessionInfo{ID: id, TTL: op.TTL})
	case kv.CloseSession:
		if m.sessions[req.Session] == nil {
			return kv.Refuse(kv.NoSession, "session %d", req.Session)
		}
		delete(m.sessions, req.Session)
		return m.answer(nil)
	case kv.Stat:
		return m.stat(op)
	case kv.Expire:
		return m.answer(nil)
	}
	return m.onKeys(req)
}

// onKeys executes what reads and writes keys: at an old revision, or now.
func (m *Model) onKeys(req *kv.Request) *kv.Response {
	d := draft{space: slices.Clone(m.items), rev: kv.Version{Hi: m.rev.Hi, Lo: m.rev.Lo + 1}, leased: m.leased}
	if !req.At.IsZero() {
		switch {
		case !kv.ReadOnly(req.Op):
			return kv.Refuse(kv.Invalid, "%s at revision %s: the past cannot be written", kv.OpName(req.Op), req.At)
		case req.At.Compare(m.rev) > 0:
			return kv.Refuse(kv.FutureRev, "revision %s: the store is at %s", req.At, m.rev)
		case req.At.Compare(m.oldest) < 0:
			return kv.Refuse(kv.Compacted, "revision %s: the oldest is %s", req.At, m.oldest)
		}
		d.space = m.at(req.At)
	}
	out := d.do(req.Op)
	switch out.Status {
	case kv.OK, kv.NotFound, kv.Conflict:
	default:
		return kv.Refuse(out.Status, "%s refused", kv.OpName(req.Op))
	}
	if d.changed {
		m.commit(d)
	}
	resp := m.answer(out.Result)
	resp.Status = out.Status
	return resp
}

func (m *Model) leased(id kv.LeaseID) bool { return m.leases[id] != nil }

// at returns the contents at an old revision: the present with all later changes
// taken back.
func (m *Model) at(rev kv.Version) space {
	s := slices.Clone(m.items)
	for _, c := range slices.Backward(m.log) {
		switch {
		case c.rev.Compare(rev) <= 0:
			return s
		case c.before == nil:
			s.drop(c.after.Key)
		default:
			s.set(*c.before)
		}
	}
	return s
}

// commit makes a draft the present and writes down what it changed, in order of
// keys.
func (m *Model) commit(d draft) {
	old, now := m.items, d.space
	for len(old)+len(now) > 0 {
		switch {
		case len(old) > 0 && len(now) > 0 && old[0] == now[0]:
			old, now = old[1:], now[1:]
		case len(now) == 0 || len(old) > 0 && old[0].Key < now[0].Key:
			m.log = append(m.log, change{d.rev, old[0], nil})
			old = old[1:]
		case len(old) == 0 || now[0].Key < old[0].Key:
			m.log = append(m.log, change{d.rev, nil, now[0]})
			now = now[1:]
		default:
			m.log = append(m.log, change{d.rev, old[0], now[0]})
			old, now = old[1:], now[1:]
		}
	}
	m.items, m.rev = d.space, d.rev
	if m.keep > 0 && m.rev.Lo-m.oldest.Lo > m.keep {
		m.oldest.Lo = m.rev.Lo - m.keep
		m.log = slices.DeleteFunc(m.log, func(c change) bool { return c.rev.Compare(m.oldest) <= 0 })
	}
}

// events returns the changes after op.After, revision by revision. The answer may
// exceed op.Max only by the rest of its first revision.
func (m *Model) events(op kv.Events) *kv.Response {
	most := kv.MaxEvents
	if op.Max > 0 {
		most = min(op.Max, kv.MaxEvents)
	}
	after := op.After
	switch {
	case after.IsZero():
		after = m.rev
	case after.Compare(m.oldest) < 0:
		return kv.Refuse(kv.Compacted, "changes after %s: the oldest revision is %s", after, m.oldest)
	}
	found := kv.EventList{Next: after}
	for i := 0; i < len(m.log); {
		var group []kv.Event
		rev := m.log[i].rev
		for ; i < len(m.log) && m.log[i].rev == rev; i++ {
			if e, ok := m.log[i].event(op); ok && rev.Compare(after) > 0 {
				group = append(group, e)
			}
		}
		if len(found.List) > 0 && len(found.List)+len(group) > most {
			return m.answer(found)
		}
		found.List = append(found.List, group...)
		if rev.Compare(after) > 0 {
			found.Next = rev
		}
	}
	return m.answer(found)
}

// event tells of the change, if op asks for it.
func (c change) event(op kv.Events) (kv.Event, bool) {
	e := kv.Event{Kind: kv.EventPut}
	if c.after != nil {
		e.Item = copied(c.after)
	} else {
		e.Kind, e.Item = kv.EventDelete, kv.Item{Key: c.before.Key, Mod: c.rev}
	}
	if op.Previous && c.before != nil {
		before := copied(c.before)
		e.Previous = &before
	}
	in := e.Item.Key >= op.From && (op.To == "" || e.Item.Key < op.To)
	return e, in && (op.Only == 0 || op.Only == e.Kind)
}

// expire ends what was not kept alive. All leases that end together make one
// revision.
func (m *Model) expire() {
	maps.DeleteFunc(m.sessions, func(_ uint64, s *session) bool { return s.end <= m.now })
	var ended []kv.LeaseID
	for id, l := range m.leases {
		if l.end <= m.now {
			ended = append(ended, id)
		}
	}
	if len(ended) > 0 {
		m.end(ended...)
	}
}

// end removes leases and their keys.
func (m *Model) end(ids ...kv.LeaseID) {
	d := draft{rev: kv.Version{Hi: m.rev.Hi, Lo: m.rev.Lo + 1}}
	for _, it := range m.items {
		if it.Lease != 0 && slices.Contains(ids, it.Lease) {
			d.changed = true
		} else {
			d.space = append(d.space, it)
		}
	}
	for _, id := range ids {
		delete(m.leases, id)
	}
	if d.changed {
		m.commit(d)
	}
}

func (m *Model) leaseInfo(id kv.LeaseID) kv.LeaseInfo {
	l := m.leases[id]
	return kv.LeaseInfo{ID: id, TTL: l.ttl, Left: time.Duration(l.end - m.now)}
}

func (m *Model) listLeases(id kv.LeaseID) *kv.Response {
	if id == 0 {
		var all kv.LeaseList
		for _, id := range slices.Sorted(maps.Keys(m.leases)) {
			all.List = append(all.List, m.leaseInfo(id))
		}
		return m.answer(all)
	}
	if m.leases[id] == nil {
		return noLease(id)
	}
	info := m.leaseInfo(id)
	for _, it := range m.items {
		if it.Lease == id {
			info.Keys = append(info.Keys, it.Key)
		}
	}
	return m.answer(kv.LeaseList{List: []kv.LeaseInfo{info}})
}

func noLease(id kv.LeaseID) *kv.Response { return kv.Refuse(kv.NoLease, "lease %d", id) }

func (m *Model) stat(op kv.Stat) *kv.Response {
	s := kv.Stats{
		Keys: uint64(len(m.items)), Sessions: uint64(len(m.sessions)), Leases: uint64(len(m.leases)), Oldest: m.oldest,
	}
	h := sha256.New()
	for _, it := range m.items {
		s.Bytes += uint64(len(it.Key) + len(it.Value))
		fmt.Fprintf(h, "%q %q %v %v %d %d\n", it.Key, it.Value, it.Mod, it.Create, it.Count, it.Lease)
	}
	for _, id := range slices.Sorted(maps.Keys(m.leases)) {
		fmt.Fprintln(h, id, *m.leases[id])
	}
	for _, id := range slices.Sorted(maps.Keys(m.sessions)) {
		fmt.Fprintln(h, id, m.sessions[id].acked, len(m.sessions[id].answers))
	}
	if op.Hash {
		s.Hash = h.Sum(nil)
	}
	return m.answer(s)
}

func (m *Model) newID() uint64 {
	id := m.nextID
	m.nextID++
	return id
}

func (m *Model) answer(r kv.Result) *kv.Response {
	return &kv.Response{Status: kv.OK, Rev: m.rev, Stable: true, Result: r}
}

// copyResponse copies the answer to a write, so that its caller may change it.
func copyResponse(resp *kv.Response) *kv.Response {
	c := *resp
	c.Result = copyResult(c.Result)
	return &c
}

func copyResult(r kv.Result) kv.Result {
	switch r := r.(type) {
	case kv.Item:
		return copied(&r)
	case kv.Items:
		r.List = slices.Clone(r.List)
		for i := range r.List {
			r.List[i] = copied(&r.List[i])
		}
		return r
	case kv.TxnResult:
		r.Outcomes = slices.Clone(r.Outcomes)
		for i := range r.Outcomes {
			r.Outcomes[i].Result = copyResult(r.Outcomes[i].Result)
		}
		return r
	}
	return r
}
