package judged

import (
	"slices"

	"dss.example/common/judge"
	"dss.example/common/kv"
	"dss.example/common/machine"
	"dss.example/common/sim"

	"dss.example/p3-replication/bayou"
	"dss.example/p3-replication/world"
)

// scene is servers that have met, of which a judge decides who hears whom, when time passes, and
// who crashes. The specification reads every step here too. Only clients look at the servers.
type scene struct {
	t      *judge.T
	hand   *sim.Hand
	broken any // what a rule or a machine of the submission's said at its end
	loaded int // records, by all starts
}

// usual is how servers of a scene are configured, if nothing else is wanted.
func usual(*bayou.Config) {}

// calm lets servers look at what is due ten times a second only: it makes a scene short. What is
// new they tell at once all the same.
func calm(tune func(*bayou.Config)) func(*bayou.Config) {
	return func(c *bayou.Config) {
		roomy(c)
		c.Tick, c.Interval = pulse, 3*pulse
		tune(c)
	}
}

// play begins a scene, in which the servers of some nodes are there, all of them the submission's.
func play(t *judge.T, tests string, tune func(*bayou.Config), here ...int) *scene {
	t.Replay("go test ./p3-replication/bayou -run %s", tests)
	c := company{kind: world.Usual(), here: here, tune: calm(tune)}
	s := &scene{t: t}
	far := s.watched(t.Far(roles(), program).Protocol(world.Role))
	cfg := c.world(func(int) *machine.Protocol { return far })
	judges := cfg.Judges
	cfg.Judges = func() []sim.Judge { return []sim.Judge{&reading{judges()[0], s}} }
	s.hand = sim.NewHand(cfg)
	t.Cleanup(s.hand.Close)
	s.hand.Start()
	s.deliver()
	return s
}

// reading is the specification, which tells the scene what it objects to.
type reading struct {
	sim.Judge
	scene *scene
}

// Step implements sim.Judge.
func (r *reading) Step(step *sim.Step) error {
	if _, loads := step.In.Event.(machine.Load); loads {
		r.scene.loaded++
	}
	err := r.Judge.Step(step)
	if err != nil {
		r.scene.ends(err)
	}
	return err
}

// ends notes why the scene is over. The first reason counts: others come of it.
func (s *scene) ends(why any) {
	if s.broken == nil {
		s.broken = why
	}
}

// watched is a protocol whose machines tell the scene how they end.
func (s *scene) watched(p *machine.Protocol) *machine.Protocol {
	watched := *p
	watched.New = func(self machine.Addr, config []byte) (machine.Machine, error) {
		m, err := p.New(self, config)
		if err != nil {
			s.ends(err)
		}
		return &ending{m, s}, err
	}
	return &watched
}

type ending struct {
	machine.Machine
	scene *scene
}

// Step implements machine.Machine.
func (e *ending) Step(in machine.In, out *machine.Out) {
	defer func() {
		if why := recover(); why != nil {
			e.scene.ends(why)
			panic(why)
		}
	}()
	e.Machine.Step(in, out)
}

// maxLetters bounds what servers say to each other while no time passes.
const maxLetters = 5000

// deliver brings everything to its receivers that is on its way, and what comes of it.
func (s *scene) deliver() { s.deliverBut(func(sim.Letter) bool { return false }) }

// deliverBut is deliver, but some of it is lost.
func (s *scene) deliverBut(lost func(sim.Letter) bool) {
	for n := 0; ; n++ {
		letters := slices.DeleteFunc(s.hand.Letters(), func(l sim.Letter) bool { return l.Timer })
		switch {
		case s.broken != nil:
			s.t.Fatalf("%v", s.broken)
		case len(letters) == 0:
			return
		case n >= maxLetters:
			s.t.Fatalf("servers tell each other one thing after the other, %d without an end", maxLetters)
		}
		if lost(letters[0]) {
			s.must(s.hand.Drop(letters[0].ID))
			continue
		}
		s.must(s.hand.Deliver(letters[0].ID, false))
	}
}

// pulse is how much time passes at once.
const pulse = 100 * machine.Millisecond

// wait lets time pass, and everything arrive that is said meanwhile.
func (s *scene) wait(d machine.Time) {
	for ; d > 0; d -= pulse {
		s.hand.Advance(pulse)
		s.deliver()
	}
}

// long is enough for servers that hear each other to tell each other everything.
const long = 3 * machine.Second

// part cuts off some servers from the others until all hear each other again.
func (s *scene) part(nodes ...machine.Node) { s.must(s.hand.Cut(nodes)) }

// heal lets all hear each other again.
func (s *scene) heal() { s.hand.Heal() }

// crash lets a server crash and come back with its disk. It returns how many records it has loaded.
func (s *scene) crash(node int) int {
	before := s.loaded
	s.must(s.hand.Crash(machine.Node(node)))
	s.must(s.hand.Restart(machine.Node(node), false))
	s.deliver()
	return s.loaded - before
}

// must is for what only a mistake of the judge's can make fail.
func (s *scene) must(err error) {
	if err != nil {
		panic(err)
	}
}

// question is a request that may be answered yet.
type question struct {
	*sim.Exchange
	node int
}

// ask asks a server.
func (s *scene) ask(node int, req *kv.Request) question {
	x, err := s.hand.Ask(world.Server(node), req)
	s.must(err)
	s.deliver()
	return question{x, node}
}

// response is the answer so far, or nil.
func (a question) response() *kv.Response {
	resp, _ := a.Answer.(*kv.Response)
	return resp
}

// do asks a server that must answer at once, in some way or other.
func (s *scene) do(node int, req *kv.Request) *kv.Response {
	a := s.ask(node, req)
	if a.response() == nil {
		s.t.Fatalf("node %d should answer %v at once, and does not", node, req)
	}
	return a.response()
}

// done demands a status.
func (s *scene) done(node int, req *kv.Request, want kv.Status) *kv.Response {
	resp := s.do(node, req)
	if resp.Status != want {
		s.t.Fatalf("node %d answers %v with %v: want %v", node, req, resp, want)
	}
	return resp
}

func put(key, value string) *kv.Request {
	return &kv.Request{Level: kv.Eventual, Op: kv.Put{Key: key, Value: []byte(value)}}
}

func get(key string) *kv.Request {
	return &kv.Request{Level: kv.Eventual, Op: kv.Get{Key: key}}
}

func remove(key string) *kv.Request {
	return &kv.Request{Level: kv.Eventual, Op: kv.Delete{Key: key}}
}

// stable makes a request one that is about what is stable.
func stable(req *kv.Request) *kv.Request {
	req.Level = kv.Prefix
	return req
}

// takes puts a key if a check holds, and does else what a merge procedure finds.
func takes(check, key, value, merge string) *kv.Request {
	return &kv.Request{Level: kv.Eventual, Op: kv.Guarded{
		If: check, Then: []kv.Op{kv.Put{Key: key, Value: []byte(value)}}, Else: merge,
	}}
}

// reads demands what a read finds; an empty value means nothing.
func (s *scene) reads(node int, req *kv.Request, want string) {
	resp := s.do(node, req)
	it, _ := resp.Result.(kv.Item)
	if resp.Status != kv.OK && resp.Status != kv.NotFound || string(it.Value) != want {
		s.t.Fatalf("node %d answers %v with %v: want %q", node, req, resp, want)
	}
}
