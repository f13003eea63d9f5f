package table

import (
	"slices"

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
	answers    []answer // after acked, in order of seq
	head       int      // where answers begin: always 0, answers move to the front
	bytes      int      // of answers
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
func (t *Table) openSession(now machine.Time, op kv.OpenSession) *kv.Response {
	if t.sessions.Len() == t.config.Sessions {
		return kv.Refuse(kv.Overloaded, "no room for another session")
	}
	made := session{id: t.newID(), generation: t.generation, ttl: machine.Time(op.TTL)}
	made.use(t, now)
	t.sessions.Set(made.id, &made)
	t.due(made.deadline, made.id)
	return ok(kv.SessionInfo{ID: made.id, TTL: op.TTL})
}

// use renews s, which makes now the time of the table.
func (s *session) use(t *Table, now machine.Time) {
	t.clock, s.deadline = now, later(now, s.ttl)
}

func (t *Table) endSession(s *session) {
	t.answers -= s.bytes
	t.sessions.Delete(s.id)
}

// inSession executes a checked request of a session at most once, by the rules of "At most
// once" in the package comment.
func (t *Table) inSession(now machine.Time, req *kv.Request) *kv.Response {
	s := t.ownSession(req.Session)
	if s == nil {
		return kv.Refuse(kv.NoSession, "there is no such session")
	}
	s.use(t, now)
	if req.Seq <= s.acked {
		return kv.Refuse(kv.Forgotten, "its answer was acknowledged")
	}
	t.answers -= s.release(req.Acked)
	place, known := s.search(req.Seq)
	_, closing := req.Op.(kv.CloseSession)
	switch {
	case kv.ReadOnly(req.Op):
		return t.execute(now, req)
	case known:
		return s.answers[place].response()
	case t.full(s) != nil:
		return t.full(s)
	case closing:
		t.endSession(s)
		done := ok(nil)
		done.Rev.Lo, done.Stable = t.rev, true
		return done
	}
	resp := t.execute(now, req)
	if resp.Status == kv.Overloaded {
		return resp
	}
	t.answers += s.insert(place, remember(req.Seq, resp))
	return resp
}

// full refuses an operation, as Overloaded, when too many answers are remembered.
func (t *Table) full(s *session) *kv.Response {
	if len(s.answers) >= t.config.Answers || s.bytes > t.config.AnswerBytes {
		return kv.Refuse(kv.Overloaded, "the session has too many answers to remember")
	}
	if t.answers > t.config.AllAnswers {
		return kv.Refuse(kv.Overloaded, "all sessions together have too many answers to remember")
	}
	return nil
}

// ownSession returns a session that may be changed because no View sees it; nil if
// there is none.
func (t *Table) ownSession(id uint64) *session {
	seen, found := t.sessions.Get(id)
	if !found || seen.generation == t.generation {
		return seen
	}
	own := *seen
	own.generation, own.answers = t.generation, slices.Clone(seen.answers)
	t.sessions.Set(id, &own)
	return &own
}

// search returns where in s.answers that of seq is, or belongs: it looks from the end,
// where it almost always is.
func (s *session) search(seq uint64) (i int, found bool) {
	i = len(s.answers)
	for i > 0 && s.answers[i-1].seq > seq {
		i--
	}
	if i > 0 && s.answers[i-1].seq == seq {
		return i - 1, true
	}
	return i, false
}

// insert puts a to index i of s.answers and returns its size.
func (s *session) insert(i int, a answer) int {
	s.answers = slices.Insert(s.answers, i, a)
	s.bytes += a.size()
	return a.size()
}

// release forgets the answers up to acked and returns their size. It never goes back.
func (s *session) release(acked uint64) (size int) {
	if acked <= s.acked {
		return 0
	}
	s.acked = acked
	n := 0
	for n < len(s.answers) && s.answers[n].seq <= acked {
		size += s.answers[n].size()
		n++
	}
	s.answers = slices.Delete(s.answers, 0, n)
	s.bytes -= size
	return size
}
