package judged

import (
	"dss.example/common/judge"
	"dss.example/common/kv"
	"dss.example/common/machine"

	"dss.example/p3-replication/bayou"
	"dss.example/p3-replication/world"
)

// sessionChecks are those of p3.7.
func sessionChecks() []judge.Check {
	sessions, err := world.Named("sessions")
	if err != nil {
		panic(err) // a mistake of the judge's
	}
	travels := company{name: "sessions that travel", kind: sessions, here: all(), far: all()}
	return []judge.Check{
		{
			Step: stepSession, Name: "sessions that travel keep their guarantees", Run: many(1, "Session", travels),
			Rule: "Wherever a session goes with its token, under all faults, a server serves it only if it knows what the session rests on.",
		},
		{
			Step: stepSession, Name: "a session reads its own writes", Run: guarantee(kv.ReadYourWrites, put("x", "1").Op, get("x").Op),
			Rule: "A read is served where all is known that the session wrote.",
		},
		{
			Step: stepSession, Name: "what a session has read it reads ever after", Run: guarantee(kv.MonotonicReads, get("x").Op, get("x").Op),
			Rule: "A read is served where all is known that the session has read.",
		},
		{
			Step: stepSession, Name: "a write follows what its session has read", Run: guarantee(kv.WritesFollowReads, get("x").Op, put("y", "1").Op),
			Rule: "A write is accepted where all is known that the session has read.",
		},
		{
			Step: stepSession, Name: "the writes of a session follow each other", Run: guarantee(kv.MonotonicWrites, put("x", "1").Op, put("y", "1").Op),
			Rule: "A write is accepted where all is known that the session wrote.",
		},
		{
			Step: stepSession, Name: "what a session has read that is stable it reads ever after", Run: readsStable,
			Rule: "A stable read is served where as many numbers are known as where the session has read before.",
		},
		{
			Step: stepSession, Name: "a session waits for what it has seen elsewhere", Run: waitsForSession,
			Rule: "A server that may yet come to know it keeps the request, and serves it then; after its patience it says that it cannot.",
		},
	}
}

func inSession(token []byte, op kv.Op) *kv.Request {
	return &kv.Request{Level: kv.Session, Token: token, Op: op}
}

// unserved demands that a request is not served, and that this is said in the end.
func (s *scene) unserved(node int, req *kv.Request, why string) {
	q := s.ask(node, req)
	s.wait(2 * machine.Second)
	switch resp := q.response(); {
	case resp == nil:
		s.t.Fatalf("node %d does not answer %v for two seconds, and its patience is less", node, req)
	case resp.Status != kv.Unsatisfied && resp.Status != kv.Unavailable:
		s.t.Fatalf("%s, and node %d, which does not know of it, answers %v with %v", why, node, req, resp)
	}
}

// guarantee lets a session do one thing at a server and another at one that lacks what the first
// was about: the second must not be, if the session wants the guarantee, and is done when both have
// met; and it is done at once for a session that wants everything else.
func guarantee(wanted kv.Guarantees, here, there kv.Op) func(*judge.T) {
	return func(t *judge.T) {
		for _, wants := range []kv.Guarantees{wanted, kv.AllGuarantees, kv.AllGuarantees &^ wanted} {
			s := play(t, "Session", usual, 2, 3)
			s.part(3)
			if kv.ReadOnly(here) {
				s.done(2, put("x", "1"), kv.OK)
			}
			token := s.done(2, inSession(wants.Token(), here), kv.OK).Token
			if wants&wanted == 0 {
				if resp := s.do(3, inSession(token, there)); resp.Status != kv.OK && resp.Status != kv.NotFound {
					t.Fatalf("a session that wants %v only is answered %v with %v", wants, there, resp)
				}
				continue
			}
			s.unserved(3, inSession(token, there), "a session that wants "+wants.String()+" has done "+kv.OpName(here)+" x at node 2")
			s.heal()
			s.wait(long)
			s.done(3, inSession(token, there), kv.OK)
		}
	}
}

func readsStable(t *judge.T) {
	s := play(t, "Session", usual, all()...)
	s.part(3)
	s.done(1, put("x", "1"), kv.OK)
	s.wait(long)
	read := stable(get("x"))
	first := s.done(1, read, kv.OK)
	later := *read
	later.Token = first.Token
	s.unserved(3, &later, "a session has read at node 1 what is stable")
	s.heal()
	s.wait(long)
	s.reads(3, &later, "1")
}

func waitsForSession(t *judge.T) {
	s := play(t, "Session", func(c *bayou.Config) { c.Patience = 20 * machine.Second }, 2, 3)
	s.part(3)
	token := s.done(2, inSession(nil, put("x", "1").Op), kv.OK).Token
	q := s.ask(3, inSession(token, get("x").Op))
	s.wait(long)
	if resp := q.response(); resp != nil {
		t.Fatalf("node 3 should wait for what the session wrote at node 2, and answers %v", resp)
	}
	s.heal()
	s.wait(long)
	resp := q.response()
	if resp == nil || resp.Status != kv.OK {
		t.Fatalf("node 3 has come to know what the session wrote, and its read is answered with %v", resp)
	}
	if it, _ := resp.Result.(kv.Item); string(it.Value) != "1" {
		t.Errorf("the session wrote 1, and reads %q", it.Value)
	}
}
