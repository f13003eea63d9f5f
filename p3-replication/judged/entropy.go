package judged

import (
	"slices"

	"dss.example/common/judge"
	"dss.example/common/kv"
	"dss.example/common/machine"

	"dss.example/p3-replication/bayou/proto"
	"dss.example/p3-replication/judged/met"
	"dss.example/p3-replication/vector"
	"dss.example/p3-replication/world"
)

// entropyChecks are those of p3.5. Nothing in them needs a primary: all may stay tentative.
func entropyChecks() []judge.Check {
	const tests = "'Session|Batch|Offer|Converge'"
	three := company{name: "three servers", kind: world.Usual(), here: all(), far: all(), watcher: alike}
	pair, first := three, three
	pair.name, pair.here, pair.far = "two servers without the primary", []int{2, 3}, []int{2, 3}
	first.name, first.far = "one server among the judge's", []int{1}
	return []judge.Check{
		{
			Step: stepEntropy, Name: "servers that hear each other come to know the same", Run: many(2, tests, three, pair),
			Rule: "Whatever is lost, repeated, delayed or crashes, each knows of every other a prefix of its writes, and soon after the last fault all answer alike.",
		},
		{
			Step: stepEntropy, Name: "a server comes to agree with those of others", Run: many(2, tests, first),
			Rule: "Anti-entropy is between any two servers that speak it, in both directions.",
		},
		{
			Step: stepEntropy, Name: "both sides of a partition write, and agree when they meet", Run: meets,
			Rule: "What came late has its place by its stamp: what stood behind it is undone and done again, checks and merge procedures too.",
		},
		{
			Step: stepEntropy, Name: "news goes on to who was not there", Run: passesOn,
			Rule: "A server tells of all writes that it knows, not of its own only.",
		},
		{
			Step: stepEntropy, Name: "what cannot come next is not taken in", Run: refuses,
			Rule: "No write of a server that was not born, no number that leaves a gap, nothing of another database.",
		},
	}
}

func meets(t *judge.T) {
	s := play(t, "'Late|Partition|Merge'", usual, 2, 3)
	s.part(3)
	for _, node := range []int{2, 3} {
		side := map[int]string{2: "two", 3: "three"}[node]
		s.done(node, takes("room", "room", side, "other="+side), kv.OK)
		s.done(node, takes("table", "table", side, ""), kv.OK)
		s.done(node, put("both", side), kv.OK)
		s.done(node, put("only "+side, side), kv.OK)
		s.wait(long)
		s.reads(node, get("room"), side)
	}
	s.heal()
	s.wait(long)
	for _, node := range []int{2, 3} { // at each time the server at node 2 has the lower stamp
		for key, want := range map[string]string{
			"room": "two", "other": "three", "table": "two", "both": "three", "only two": "two", "only three": "three",
		} {
			s.reads(node, get(key), want)
		}
		list, _ := s.done(node, &kv.Request{Level: kv.Eventual, Op: kv.Conflicts{}}, kv.OK).Result.(kv.ConflictList)
		if len(list.List) != 1 {
			t.Errorf("both sides have taken the table, and node %d has %d conflicts: want one", node, len(list.List))
		}
	}
}

func passesOn(t *judge.T) {
	s := play(t, "'Know|Partition'", usual, all()...)
	s.part(3)
	s.done(2, put("x", "1"), kv.OK)
	s.wait(long)
	s.heal()
	s.part(2)
	s.wait(long)
	s.reads(3, get("x"), "1")
}

// batch is the judge's answer, as node 1, to the server's last question.
func (s *solo) batch(life uint64, items ...proto.Item) machine.Out {
	return s.hears(1, proto.Batch{Database: 1, Life: life, Items: items, Reach: far()})
}

// far is how far the judge's server says that it has come.
func far() proto.Reach {
	return proto.Reach{Known: known{vector.Root: 90, name(2): 2, third(): 3}.vector(), Commit: met.Servers}
}

// asks lets the judge's server say that it knows more, until it is asked, and returns the life of
// who asks.
func (s *solo) asks() uint64 {
	for range 50 {
		out := s.hears(1, proto.Offer{Database: 1, Reach: far()})
		out.Send = append(out.Send, s.ticks(pulse).Send...)
		for _, e := range out.Send {
			if m, ok := e.Msg.(proto.Want); ok && e.To == world.Server(1) {
				return m.Life
			}
		}
	}
	s.t.Fatalf("a server is told again and again that another knows more, and does not ask for it")
	return 0
}

func refuses(t *judge.T) {
	s := load(t, "'Hostile|Batch'", usual)
	life := s.asks()
	item := func(number uint64, w proto.Write) proto.Item { return proto.Item{Commit: number, ID: w.ID, Write: &w} }
	right, unborn := sets(6, vector.Root, "right", "1"), sets(80, name(77), "unborn", "1")
	gap, foreign := sets(8, vector.Root, "gap", "1"), sets(9, vector.Root, "foreign", "1")
	out := s.batch(life, item(0, unborn))
	out.Save = append(out.Save, s.batch(life, item(met.Servers+7, gap)).Save...)
	out.Save = append(out.Save, s.hears(1, proto.Batch{Database: 2, Life: life, Items: []proto.Item{item(0, foreign)}, Reach: far()}).Save...)
	for _, key := range []string{"unborn", "gap", "foreign"} {
		s.reads(get(key), "", 0)
	}
	if slices.ContainsFunc(out.Save, isLearned) {
		t.Errorf("a write that cannot come next is saved: %v", out.Save)
	}
	s.batch(s.asks(), item(0, right))
	s.reads(get("right"), "1", 1)
}

func isLearned(d machine.Data) bool { _, is := d.(proto.Learned); return is }
