package table

import (
	"slices"
	"sort"

	"dss.example/common/kv"
	"dss.example/common/machine"
)

// session is what makes a retry safe: the answers that a client has not
// acknowledged yet.
type session struct {
	id         uint64
	generation uint64 // as of a lease
	ttl        machine.Time
	deadline   machine.Time
	acked      uint64   // the client has all answers up to it
	answers    []answer // after acked, in order of seq, from head on
	head       int
	bytes      int // of answers
}

// answer is a remembered kv.Response. Most writes answer with nothing but status
// and revision; any other Response is kept as its encoding.
type answer struct {
	seq    uint64
	rev    uint64
	status kv.Status
	full   []byte // nil if status and rev are all
}

// answerOverhead is what an answer counts for the bounds beside its encoding.
const answerOverhead = 48

func (a *answer) size() int { return answerOverhead + len(a.full) }

// remember makes an answer that gives back resp, and shares no memory with it.
func remember(seq uint64, resp *kv.Response) answer {
	plain := resp.Detail == "" && resp.Token == nil && resp.Stable && resp.Try == "" && resp.Result == nil && resp.Rev.Hi == 0
	if plain {
		return answer{seq: seq, rev: resp.Rev.Lo, status: resp.Status}
	}
	return answer{seq: seq, full: resp.AppendTo(nil)}
}

// response is remember backwards.
func (a *answer) response() *kv.Response {
	if a.full == nil {
		return &kv.Response{Status: a.status, Rev: kv.Version{Lo: a.rev}, Stable: true}
	}
	resp := new(kv.Response)
	if err := resp.DecodeFrom(a.full); err != nil {
		panic("table: a remembered answer does not decode: " + err.Error())
	}
	return resp
}

// openSession makes a session that ends op.TTL after now, and enters its deadline (due).
// At Config.Sessions of them it answers Overloaded.
//
//ds:todo p1.5
func (t *Table) openSession(now machine.Time, op kv.OpenSession) *kv.Response {
	if t.sessions.Len() >= t.config.Sessions {
		return kv.Refuse(kv.Overloaded, "%d sessions: at most %d", t.sessions.Len(), t.config.Sessions)
	}
	s := &session{id: t.newID(), generation: t.generation, ttl: machine.Time(op.TTL)}
	t.clock = now
	s.deadline = later(now, s.ttl)
	t.sessions.Set(s.id, s)
	t.due(s.deadline, s.id)
	return ok(kv.SessionInfo{ID: s.id, TTL: op.TTL})
}

func (t *Table) endSession(s *session) {
	t.answers -= s.bytes
	t.sessions.Delete(s.id)
}

// inSession executes a checked request of a session at most once, by the rules of "At most
// once" in the package comment. Whatever comes of it, it renews the session. The request's
// Acked is taken note of unless the request is Forgotten. A CloseSession ends the session
// and is answered like a write that changes nothing.
//
//ds:todo p1.5
func (t *Table) inSession(now machine.Time, req *kv.Request) *kv.Response {
	s := t.ownSession(req.Session)
	if s == nil {
		return kv.Refuse(kv.NoSession, "session %d", req.Session)
	}
	t.clock = now
	s.deadline = later(now, s.ttl)
	if req.Seq <= s.acked {
		return kv.Refuse(kv.Forgotten, "operation %d: all up to %d were acknowledged", req.Seq, s.acked)
	}
	t.answers -= s.release(req.Acked)
	if kv.ReadOnly(req.Op) {
		return t.execute(now, req)
	}
	i, done := s.search(req.Seq)
	if done {
		return s.answers[i].response()
	}
	if bad := t.full(s); bad != nil {
		return bad
	}
	if _, closing := req.Op.(kv.CloseSession); closing {
		t.endSession(s)
		return &kv.Response{Status: kv.OK, Rev: kv.Version{Lo: t.rev}, Stable: true}
	}
	resp := t.execute(now, req)
	if resp.Status != kv.Overloaded {
		t.answers += s.insert(i, remember(req.Seq, resp))
	}
	return resp
}

// full refuses an operation, as Overloaded, when too many answers are remembered: as many
// in s as Config.Answers, more bytes in s than Config.AnswerBytes, or more bytes in all
// sessions than Config.AllAnswers.
//
//ds:todo p1.5
func (t *Table) full(s *session) *kv.Response {
	n := len(s.answers) - s.head
	switch c := &t.config; {
	case n >= c.Answers:
		return kv.Refuse(kv.Overloaded, "%d answers are not acknowledged: at most %d", n, c.Answers)
	case s.bytes > c.AnswerBytes:
		return kv.Refuse(kv.Overloaded, "%d bytes of answers are not acknowledged: at most %d", s.bytes, c.AnswerBytes)
	case t.answers > c.AllAnswers:
		return kv.Refuse(kv.Overloaded, "%d bytes of answers in all sessions: at most %d", t.answers, c.AllAnswers)
	}
	return nil
}

// ownSession returns a session that may be changed because no View sees it; nil if
// there is none.
func (t *Table) ownSession(id uint64) *session {
	s, _ := t.sessions.Get(id)
	if s == nil || s.generation == t.generation {
		return s
	}
	own := *s
	own.generation = t.generation
	own.answers, own.head = slices.Clone(s.answers[s.head:]), 0
	t.sessions.Set(id, &own)
	return &own
}

// search returns where in s.answers that of seq is, or belongs. It is almost always at the
// end.
//
//ds:todo p1.5
func (s *session) search(seq uint64) (i int, found bool) {
	n := len(s.answers)
	if n == s.head || s.answers[n-1].seq < seq { // the usual case
		return n, false
	}
	i = s.head + sort.Search(n-s.head, func(i int) bool { return s.answers[s.head+i].seq >= seq })
	return i, i < n && s.answers[i].seq == seq
}

// insert puts a to index i of s.answers and returns its size. It may move the answers to
// the front of their memory, over those that were released.
//
//ds:todo p1.5
func (s *session) insert(i int, a answer) int {
	if len(s.answers) == cap(s.answers) && s.head > len(s.answers)/2 {
		n := copy(s.answers, s.answers[s.head:])
		clear(s.answers[n:])
		s.answers, i, s.head = s.answers[:n], i-s.head, 0
	}
	s.answers = slices.Insert(s.answers, i, a)
	s.bytes += a.size()
	return a.size()
}

// release forgets the answers up to acked and returns their size. It never goes back.
//
//ds:todo p1.5
func (s *session) release(acked uint64) (size int) {
	s.acked = max(s.acked, acked)
	for s.head < len(s.answers) && s.answers[s.head].seq <= s.acked {
		size += s.answers[s.head].size()
		s.answers[s.head] = answer{}
		s.head++
	}
	if s.head == len(s.answers) {
		s.answers, s.head = s.answers[:0], 0
	}
	s.bytes -= size
	return size
}
