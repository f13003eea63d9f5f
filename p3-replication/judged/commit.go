package judged

import (
	"slices"

	"dss.example/common/judge"
	"dss.example/common/kv"
	"dss.example/common/machine"

	"dss.example/p3-replication/bayou"
	"dss.example/p3-replication/bayou/proto"
	"dss.example/p3-replication/judged/met"
	"dss.example/p3-replication/vector"
	"dss.example/p3-replication/world"
)

// commitChecks are those of p3.6.
func commitChecks() []judge.Check {
	const tests = "'Number|Primary|Commit|Stable'"
	three := company{name: "three servers", kind: world.Usual(), here: all(), far: all(), watcher: auditor}
	primary, others := three, three
	primary.name, primary.far = "a primary among the judge's", []int{1}
	others.name, others.far = "two servers under the judge's primary", []int{2, 3}
	return []judge.Check{
		{
			Step: stepCommit, Name: "all writes get numbers, and all servers the same", Run: many(2, tests, three),
			Rule: "A number is one write's, everywhere and after every crash; soon after the last fault all is stable, and alike at all servers.",
		},
		{
			Step: stepCommit, Name: "a primary numbers what it knows, and others follow", Run: many(2, tests, primary, others),
			Rule: "So it is when the primary, or all but the primary, are the judge's.",
		},
		{
			Step: stepCommit, Name: "without the primary nothing is stable", Run: waitsForNumbers,
			Rule: "What the primary has not numbered is tentative, however many know it; when it comes back all is numbered.",
		},
		{
			Step: stepCommit, Name: "what is stable stays before what comes late", Run: comesLate,
			Rule: "A write gets its number when the primary comes to know it: no stamp puts it before one that has its number.",
		},
		{
			Step: stepCommit, Name: "the primary hands its office over", Run: handsOver,
			Rule: "Only the primary can; from the number of that write on the other gives numbers, and the first gives none.",
		},
		{
			Step: stepCommit, Name: "numbers may come from elsewhere", Run: proposes,
			Rule: "Who gives them is told of all tentative writes, and what it says is saved.",
		},
	}
}

func waitsForNumbers(t *judge.T) {
	s := play(t, "'Stable|Primary'", usual, all()...)
	s.part(1)
	w := s.done(2, put("x", "1"), kv.OK)
	s.wait(long)
	inquire := &kv.Request{Level: kv.Eventual, Op: kv.Inquire{Write: w.Rev}}
	for _, node := range []int{2, 3} {
		s.reads(node, get("x"), "1")
		s.reads(node, stable(get("x")), "")
		if st, _ := s.done(node, inquire, kv.OK).Result.(kv.Standing); !st.Known || st.Stable {
			t.Errorf("the primary is cut off, and of a write that it does not know node %d says: %+v", node, st)
		}
	}
	s.heal()
	s.wait(long)
	for _, node := range all() {
		s.reads(node, stable(get("x")), "1")
		if st, _ := s.done(node, inquire, kv.OK).Result.(kv.Standing); !st.Stable {
			t.Errorf("the primary is back for %v, and of a write node %d says: %+v", long, node, st)
		}
	}
}

func comesLate(t *judge.T) {
	s := play(t, "'Number|Stable|Crash'", usual, all()...)
	s.part(3)
	s.done(3, put("x", "late"), kv.OK)
	for _, value := range []string{"1", "2", "3"} {
		s.done(1, put("x", value), kv.OK)
		s.wait(pulse)
	}
	s.reads(1, stable(get("x")), "3")
	s.crash(1)
	s.reads(1, stable(get("x")), "3")
	s.heal()
	s.wait(long)
	for _, node := range all() {
		s.reads(node, stable(get("x")), "late")
	}
}

func handsOver(t *judge.T) {
	s := play(t, "'Office|Primary|Hand'", usual, all()...)
	give := func(to int) *kv.Request { return &kv.Request{Op: kv.Transfer{To: kv.ReplicaID(to)}} }
	s.wait(long)
	if resp := s.do(2, give(3)); resp.Status == kv.OK {
		t.Errorf("node 2 is not the primary, and is asked to hand its office over: %v", resp)
	}
	s.done(1, give(2), kv.OK)
	s.wait(long)
	s.part(1)
	s.done(3, put("x", "1"), kv.OK)
	s.done(1, put("y", "1"), kv.OK)
	s.wait(long)
	s.reads(3, stable(get("x")), "1")
	s.reads(1, get("y"), "1")
	s.reads(1, stable(get("y")), "")
	s.heal()
	s.wait(long)
	for _, node := range all() {
		s.reads(node, stable(get("x")), "1")
		s.reads(node, stable(get("y")), "1")
	}
}

// proposes is a server that is told numbers by the judge, loses its process, and finds them on its
// disk.
func proposes(t *judge.T) {
	order := func(c *bayou.Config) { c.Order = roleOrder }
	s := load(t, "Order", order)
	own := s.done(put("x", "1"))
	id := vector.Stamp{Time: own.Rev.Hi, Server: name(2)}
	out := s.ticks(machine.Second)
	at := slices.IndexFunc(out.Send, func(e machine.Envelope) bool {
		m, ok := e.Msg.(proto.Propose)
		return ok && e.To.Role == roleOrder && m.From == met.Servers+1 && slices.Contains(m.IDs, id)
	})
	if at < 0 {
		t.Fatalf("who gives numbers should be asked for number %d and those after it, for %v, and is not", met.Servers+1, id)
	}
	saved := s.step(machine.Recv{From: out.Send[at].To, Msg: proto.Ordered{First: met.Servers + 1, IDs: []vector.Stamp{id}}}).Save
	s.reads(stable(get("x")), "1", 1)
	again := load(t, "Order", order, append([]machine.Data{proto.Learned{Write: sets(id.Time, id.Server, "x", "1")}}, saved...)...)
	again.reads(stable(get("x")), "1", 1)
}
