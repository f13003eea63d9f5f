package judged

import (
	"fmt"

	"dss.example/common/judge"
	"dss.example/common/kv"
	"dss.example/common/machine"
	"dss.example/common/sim"

	"dss.example/p1-kvrpc/session"
	"dss.example/p1-kvrpc/world"
)

// sessionChecks are those of p1.6. They ask the submission's session machine, and a
// table of staff's or a server that follows a script.
func sessionChecks() []judge.Check {
	checks := []judge.Check{
		{
			Step: "p1.6", Name: "writes are done exactly once", Run: schedules("session", func() *sim.Config { return world.New(session.ExactlyOnce) }),
			Rule: "However the network loses, repeats and delays, and whichever client crashes, each write is executed once and all answers agree with one order.",
		},
		{
			Step: "p1.6", Name: "sessions that end on the way execute nothing twice", Run: schedules("session", func() *sim.Config { return world.Fleeting(session.ExactlyOnce) }),
			Rule: "When the server has forgotten the session, a write that may have been executed is not sent in another.",
		},
		{
			Step: "p1.6", Name: "at most once loses but never repeats", Run: schedules("session", func() *sim.Config { return world.New(session.AtMostOnce) }),
			Rule: "In the mode AtMostOnce no write is executed twice, and what was lost is told as unknown.",
		},
		{
			Step: "p1.6", Name: "every request is answered soon after the last fault", Run: schedules("session", lively),
			Rule: fmt.Sprintf("Within %v after the last fault every request has an answer.", world.Bound),
		},
		{
			Step: "p1.6", Name: "what is finished is acknowledged", Run: acknowledges,
			Rule: "Each request acknowledges all numbers up to the first that is not finished: no more, no less.",
		},
		{
			Step: "p1.6", Name: "so many requests are under way and no more", Run: window,
			Rule: "At most InFlight requests without an answer are under way, Queue more wait, and beyond that the answer is Overloaded.",
		},
	}
	for _, o := range outcomes {
		checks = append(checks, judge.Check{Step: "p1.6", Name: o.name, Rule: o.rule, Run: o.run})
	}
	return checks
}

// outcome is what a write or read comes to when the server says certain things to each
// copy of it, the last again and again; 0 is silence.
type outcome struct {
	name, rule string
	mode       session.Mode
	op         kv.Op
	says       []kv.Status
	want       kv.Status
	copies     int // 0: not counted
}

const silence = kv.Status(0)

var (
	someWrite = kv.CAS{Key: "a", Value: []byte("x")}
	someRead  = kv.Get{Key: "a"}
)

var outcomes = []outcome{
	{"done", "An answer OK means done.", session.ExactlyOnce, someWrite, []kv.Status{kv.OK}, kv.OK, 1},
	{"done by a copy", "A write without an answer is sent again under its number; the answer to the copy counts.", session.ExactlyOnce, someWrite, []kv.Status{silence, kv.OK}, kv.OK, 2},
	{"not done, says a copy", "In a session the answer to a copy is the answer to the first: Conflict is Conflict.", session.ExactlyOnce, someWrite, []kv.Status{silence, kv.Conflict}, kv.Conflict, 2},
	{"a copy's refusal says nothing without a session", "Without a session the first copy may have been done: its Conflict with a later copy is unknown.", session.AtLeastOnce, someWrite, []kv.Status{silence, kv.Conflict}, kv.Maybe, 2},
	{"overload that passes", "A write that was refused is sent again.", session.ExactlyOnce, someWrite, []kv.Status{kv.Overloaded, kv.OK}, kv.OK, 2},
	{"overload that stays is not done", "A write all whose copies were refused is definitely not done.", session.ExactlyOnce, someWrite, []kv.Status{kv.Overloaded}, kv.Overloaded, 2},
	{"overload after a copy in doubt is unknown", "A write with a copy in doubt is not told as not done, whatever another copy was told.", session.ExactlyOnce, someWrite, []kv.Status{silence, kv.Overloaded}, kv.Maybe, 0},
	{"no answer to a write is unknown", "A write without an answer may have been done: Maybe.", session.ExactlyOnce, someWrite, []kv.Status{silence}, kv.Maybe, 0},
	{"no answer to a read is not done", "A read without an answer did nothing: Unavailable.", session.ExactlyOnce, someRead, []kv.Status{silence}, kv.Unavailable, 0},
	{"a server that does not know is asked again", "Maybe is not the end: a copy may bring the answer.", session.ExactlyOnce, someWrite, []kv.Status{kv.Maybe, kv.OK}, kv.OK, 2},
	{"a lost session is replaced", "A write that was refused because its session is gone goes into a new session.", session.ExactlyOnce, someWrite, []kv.Status{kv.NoSession, kv.OK}, kv.OK, 2},
	{"a lost session with a copy in doubt is unknown", "A write with a copy in doubt never goes into a new session.", session.ExactlyOnce, someWrite, []kv.Status{silence, kv.NoSession}, kv.Maybe, 2},
	{"forgotten is unknown", "Forgotten says that the write was finished, not how.", session.ExactlyOnce, someWrite, []kv.Status{kv.Forgotten}, kv.Maybe, 1},
	{"an answer of the wrong kind is unknown", "An answer that breaks the contract tells nothing.", session.ExactlyOnce, kv.Append{Key: "a"}, []kv.Status{kv.OK}, kv.Maybe, 1},
	{"at most once sends once", "In the mode AtMostOnce a write is sent once; without an answer it is unknown.", session.AtMostOnce, someWrite, []kv.Status{silence}, kv.Maybe, 1},
	{"a read is sent again in every mode", "Reads do no harm and are sent again.", session.AtMostOnce, someRead, []kv.Status{silence, kv.NotFound}, kv.NotFound, 2},
}

func (o outcome) run(t *judge.T) {
	server := &scripted{says: o.says}
	config := world.Patient(o.mode)
	config.Burst, config.Retries, config.Timeout = max(1, len(o.says)-1), 1, 10*machine.Second
	d := o.world(t, server, config)
	defer d.Close()
	resp, _ := d.Ask(world.Client(0), &kv.Request{Op: o.op}).(*kv.Response)
	switch {
	case d.Err() != nil:
		t.Fatalf("%v", d.Err())
	case resp == nil:
		t.Fatalf("a request was never answered")
	case resp.Status != o.want:
		t.Errorf("the server said %v to the copies of a request: it ended as %v: want %v", o.says, resp.Status, o.want)
	}
	if o.copies != 0 && len(server.seen) != o.copies {
		t.Errorf("the request was sent %d times: want %d", len(server.seen), o.copies)
	}
	for _, req := range server.seen {
		if first := server.seen[0]; o.mode == session.ExactlyOnce && req.Session == first.Session && req.Seq != first.Seq {
			t.Errorf("a copy has number %d, the first has %d", req.Seq, first.Seq)
		}
	}
}

// world is a perfect world of one client of the submission's and one server.
func (outcome) world(t *judge.T, server machine.Machine, config session.Config) *sim.Driver {
	far := t.Far(world.Roles(), "sim", "-pipe")
	return sim.NewDriver(&sim.Config{Scheduler: sim.Timed, Nodes: []sim.Node{
		{ID: world.Server().Node, Volatile: true, Roles: []sim.Role{{Name: world.RoleTable, Protocol: acting(server)}}},
		{ID: world.Client(0).Node, Roles: []sim.Role{{
			Name: world.RoleSession, Protocol: far.Protocol(world.RoleSession), Config: config.AppendTo(nil),
		}}},
	}}, t.Seed())
}

// acting is a table's protocol with another machine behind it.
func acting(m machine.Machine) *machine.Protocol {
	p := *world.Roles()[world.RoleTable]
	p.New = func(machine.Addr, []byte) (machine.Machine, error) { return m, nil }
	return &p
}

// scripted is a server that says what it was told to say.
type scripted struct {
	says   []kv.Status // to each copy; the last again and again
	seen   []kv.Request
	opened uint64
}

// Step implements machine.Machine.
func (s *scripted) Step(in machine.In, out *machine.Out) {
	ask, ok := in.Event.(machine.Ask)
	if !ok {
		return
	}
	req := ask.Cmd.(*kv.Request)
	if open, ok := req.Op.(kv.OpenSession); ok {
		s.opened++
		out.Answer(ask.ID, &kv.Response{Status: kv.OK, Result: kv.SessionInfo{ID: 100 + s.opened, TTL: open.TTL}})
		return
	}
	status := s.says[min(len(s.seen), len(s.says)-1)]
	s.seen = append(s.seen, *req)
	if status != silence {
		out.Answer(ask.ID, &kv.Response{Status: status, Detail: "as the script says"})
	}
}

// acknowledges lets four callers write at once, some of whose writes stay open, and
// looks at what each request says to be finished.
func acknowledges(t *judge.T) {
	server := &counting{finished: map[uint64]bool{}}
	config := world.Patient(session.ExactlyOnce)
	config.Retries, config.Burst = 1000, 1000
	d := outcome{}.world(t, server, config)
	defer d.Close()
	for round := range 20 {
		d.Parallel(4, func(i int) {
			d.Ask(world.Client(0), &kv.Request{Op: kv.Put{Key: "k", Value: fmt.Append(nil, round, i)}})
		})
	}
	if err := d.Err(); err != nil {
		t.Fatalf("%v", err)
	}
	if server.wrong != "" {
		t.Fatalf("%s", server.wrong)
	}
	d.Ask(world.Client(0), &kv.Request{Op: kv.Put{Key: "k", Value: []byte("end")}})
	if server.last.Acked+1 != server.last.Seq {
		t.Errorf("when all before it was finished, request %d acknowledged up to %d", server.last.Seq, server.last.Acked)
	}
}

// counting is a server that ignores the first copy of every third request, and knows
// what its client can have finished.
type counting struct {
	seen     map[uint64]bool
	finished map[uint64]bool // numbers that were answered
	last     kv.Request
	wrong    string
}

// Step implements machine.Machine.
func (s *counting) Step(in machine.In, out *machine.Out) {
	ask, ok := in.Event.(machine.Ask)
	if !ok {
		return
	}
	req := ask.Cmd.(*kv.Request)
	if open, ok := req.Op.(kv.OpenSession); ok {
		s.seen = map[uint64]bool{}
		out.Answer(ask.ID, &kv.Response{Status: kv.OK, Result: kv.SessionInfo{ID: 100, TTL: open.TTL}})
		return
	}
	s.last = *req
	for n := uint64(1); n <= req.Acked; n++ {
		if !s.finished[n] && s.wrong == "" {
			s.wrong = fmt.Sprintf("request %d acknowledged up to %d, but %d had no answer yet", req.Seq, req.Acked, n)
		}
	}
	first := !s.seen[req.Seq]
	s.seen[req.Seq] = true
	if first && req.Seq%3 == 0 {
		return
	}
	s.finished[req.Seq] = true
	out.Answer(ask.ID, &kv.Response{Status: kv.OK})
}

// window asks for more than may be under way at a server that never answers.
func window(t *judge.T) {
	const inFlight, queue, asked = 3, 5, 12
	server := &scripted{says: []kv.Status{silence}}
	config := world.Patient(session.ExactlyOnce)
	config.InFlight, config.Queue, config.Timeout = inFlight, queue, 5*machine.Second
	d := outcome{}.world(t, server, config)
	defer d.Close()
	answers := map[kv.Status]int{}
	d.Parallel(asked, func(i int) {
		if resp, ok := d.Ask(world.Client(0), &kv.Request{Op: kv.Put{Key: fmt.Sprint(i)}}).(*kv.Response); ok {
			answers[resp.Status]++
		}
	})
	if err := d.Err(); err != nil {
		t.Fatalf("%v", err)
	}
	numbers := map[uint64]bool{}
	for _, req := range server.seen {
		if numbers[req.Seq] = true; req.Seq > req.Acked+inFlight {
			t.Fatalf("request %d was sent when only %d were finished: at most %d may be under way", req.Seq, req.Acked, inFlight)
		}
	}
	if answers[kv.Overloaded] < asked-inFlight-queue {
		t.Errorf("of %d requests at once, with %d under way and %d waiting, %d were refused as Overloaded: %v", asked, inFlight, queue, answers[kv.Overloaded], answers)
	}
}
