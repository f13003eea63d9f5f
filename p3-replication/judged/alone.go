package judged

import (
	"fmt"

	"dss.example/common/judge"
	"dss.example/common/kv"
	"dss.example/common/machine"

	"dss.example/p3-replication/bayou"
	"dss.example/p3-replication/bayou/proto"
	"dss.example/p3-replication/judged/met"
	"dss.example/p3-replication/vector"
	"dss.example/p3-replication/world"
)

// aloneChecks are those of p3.4.
func aloneChecks() []judge.Check {
	const tests = "'Alone|Accept'"
	alone := func(node int) company {
		return company{
			name: fmt.Sprintf("node %d alone", node), kind: world.Usual(), here: []int{node}, far: []int{node},
		}
	}
	return []judge.Check{
		{
			Step: stepAlone, Name: "a server that is cut off does what it is asked", Run: many(2, tests, alone(2), alone(1)),
			Rule: "It accepts writes, answers what they come to, and knows them after every crash; stamps only grow.",
		},
		{
			Step: stepAlone, Name: "an answer tells what became of a write", Run: becomes,
			Rule: "A guarded write is applied, merged or a conflict; a key shows who wrote it, and how often; nothing is stable yet.",
		},
		{
			Step: stepAlone, Name: "writes are done in the order of their stamps", Run: byStamps,
			Rule: "In whatever order writes came to be known, what is read is what they come to by their stamps; the next stamp is above all.",
		},
		{
			Step: stepAlone, Name: "a number puts a write before all that have none", Run: byNumbers,
			Rule: "What was done behind it is undone and done again; a number counts when all before it do.",
		},
	}
}

func becomes(t *judge.T) {
	s := play(t, "Alone", usual, 2)
	first := s.done(2, put("x", "1"), kv.OK)
	second := s.done(2, put("x", "2"), kv.OK)
	it, _ := s.done(2, get("x"), kv.OK).Result.(kv.Item)
	if string(it.Value) != "2" || it.Mod != second.Rev || it.Create != first.Rev || it.Count != 2 {
		t.Errorf("x was put by %v and then by %v, and is %+v", first.Rev, second.Rev, it)
	}
	s.done(2, remove("x"), kv.OK)
	s.done(2, get("x"), kv.NotFound)
	s.done(2, remove("x"), kv.NotFound)
	var last *kv.Response
	for i, want := range []kv.Fate{kv.Applied, kv.Merged, kv.Unresolved} {
		last = s.done(2, takes("g", "g", "1", "h=2;g=3"), kv.OK)
		if got, _ := last.Result.(kv.GuardedResult); got.Fate != want {
			t.Errorf("guarded write %d is said to be %v: want %v", i+1, got.Fate, want)
		}
	}
	s.reads(2, get("g"), "1")
	s.reads(2, get("h"), "2")
	s.reads(2, stable(get("g")), "")
	list, _ := s.done(2, &kv.Request{Level: kv.Eventual, Op: kv.Conflicts{}}, kv.OK).Result.(kv.ConflictList)
	if len(list.List) != 1 || list.List[0].Write != last.Rev {
		t.Errorf("one write, %v, could not be done, and the conflicts are said to be %v", last.Rev, list.List)
	}
	st, _ := s.done(2, &kv.Request{Level: kv.Eventual, Op: kv.Inquire{Write: last.Rev}}, kv.OK).Result.(kv.Standing)
	if !st.Known || st.Stable {
		t.Errorf("of a write that is tentative is said: %+v", st)
	}
}

// solo is one server of the submission's, alone with the judge, who tells it what it likes.
type solo struct {
	t   *judge.T
	m   machine.Machine
	now machine.Time
	n   uint64 // questions
	seq uint64 // records of its disk, in this life
}

// order is the role of who gives numbers to a solo, at its own node.
const roleOrder = "order"

// load begins a solo at node 2, whose disk has the records of those that have met, and more.
func load(t *judge.T, tests string, tune func(*bayou.Config), records ...machine.Data) *solo {
	t.Replay("go test ./p3-replication/bayou -run %s", tests)
	c := company{kind: world.Usual(), tune: calm(tune)}
	m, err := t.Far(roles(), program).Protocol(world.Role).New(world.Server(2), c.settings(2).AppendTo(nil))
	if err != nil {
		t.Fatalf("%v", err)
	}
	s := &solo{t: t, m: m}
	for _, rec := range records {
		s.seq++
		s.step(machine.Load{Seq: s.seq, Record: rec})
	}
	s.step(machine.Ready{})
	return s
}

// step is one input and all that the server tells itself after it, but for timers. It returns
// what it has said to others, and saved.
func (s *solo) step(e machine.Event) (all machine.Out) {
	inputs := []machine.Event{e}
	for n := 0; len(inputs) > 0; n++ {
		if n == maxLetters {
			s.t.Fatalf("a server tells itself one thing after the other, %d without an end", maxLetters)
		}
		var out machine.Out
		s.now += machine.Millisecond
		s.m.Step(machine.In{Now: s.now, Rand: uint64(s.now), Event: inputs[0]}, &out)
		inputs = inputs[1:]
		all.Save, all.Reply = append(all.Save, out.Save...), append(all.Reply, out.Reply...)
		for _, m := range out.Send {
			switch {
			case m.To != world.Server(2):
				all.Send = append(all.Send, m)
			case m.After == 0:
				inputs = append(inputs, machine.Recv{From: m.To, Msg: m.Msg})
			}
		}
	}
	return all
}

// hears is a message of another server.
func (s *solo) hears(from int, msg machine.Data) machine.Out {
	return s.step(machine.Recv{From: world.Server(from), Msg: msg})
}

// ticks lets time pass.
func (s *solo) ticks(d machine.Time) (all machine.Out) {
	for end := s.now + d; s.now < end; {
		s.now += pulse
		out := s.step(machine.Recv{From: world.Server(2), Msg: proto.Tick{}})
		all.Save, all.Send, all.Reply = append(all.Save, out.Save...), append(all.Send, out.Send...), append(all.Reply, out.Reply...)
	}
	return all
}

// done asks, and demands an answer at once.
func (s *solo) done(req *kv.Request) *kv.Response {
	s.n++
	for _, a := range s.step(machine.Ask{ID: s.n, Cmd: req}).Reply {
		if resp, ok := a.Data.(*kv.Response); ok && a.ID == s.n {
			return resp
		}
	}
	s.t.Fatalf("a server should answer %v at once, and does not", req)
	return nil
}

// reads demands what a read finds, and how often it was written.
func (s *solo) reads(req *kv.Request, value string, count uint64) {
	resp := s.done(req)
	it, _ := resp.Result.(kv.Item)
	if resp.Status != kv.OK && value != "" || string(it.Value) != value || it.Count != count {
		s.t.Fatalf("%v is answered with %v: want %q, written %d times", req, resp, value, count)
	}
}

// third is the name of the server at node 3.
func third() vector.Server { return name(met.Servers) }

func sets(at uint64, by vector.Server, key, value string) proto.Write {
	return proto.Write{
		ID: vector.Stamp{Time: at, Server: by}, Kind: proto.Update, Update: []proto.Change{{Key: key, Value: []byte(value)}},
	}
}

// late and early are writes of one key; the later one has come first.
func late() proto.Write  { return sets(9, third(), "a", "late") }
func early() proto.Write { return sets(7, vector.Root, "a", "early") }

func byStamps(t *judge.T) {
	s := load(t, "Alone", usual, proto.Learned{Write: late()}, proto.Learned{Write: early()},
		proto.Learned{Write: sets(12, vector.Root, "b", "1")}, proto.Learned{Write: sets(10, third(), "b", "2")})
	s.reads(get("a"), "late", 2)
	s.reads(get("b"), "1", 2)
	s.reads(stable(get("a")), "", 0)
	if resp := s.done(put("c", "1")); resp.Status != kv.OK || resp.Rev.Hi <= 12 {
		t.Errorf("a write is accepted where one of time 12 is known, and is %v: want a time above", resp)
	}
}

func byNumbers(t *judge.T) {
	s := load(t, "'Alone|Numbers'", func(c *bayou.Config) { c.Order = roleOrder }, proto.Learned{Write: late()}, proto.Learned{Write: early()})
	given := func(first uint64, ids ...vector.Stamp) {
		s.step(machine.Recv{From: machine.Addr{Node: 2, Role: roleOrder}, Msg: proto.Ordered{First: first, IDs: ids}})
	}
	own := s.done(put("a", "own"))
	s.reads(get("a"), "own", 3)
	given(met.Servers+2, early().ID)
	s.reads(stable(get("a")), "", 0)
	given(met.Servers+1, late().ID)
	s.reads(stable(get("a")), "early", 2)
	s.reads(get("a"), "own", 3)
	given(met.Servers+3, vector.Stamp{Time: own.Rev.Hi, Server: name(2)})
	s.reads(stable(get("a")), "own", 3)
	s.hears(3, proto.Ordered{First: met.Servers + 4, IDs: []vector.Stamp{early().ID}})
	s.reads(get("a"), "own", 3)
}
