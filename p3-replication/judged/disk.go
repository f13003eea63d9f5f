package judged

import (
	"fmt"
	"strings"

	"dss.example/common/judge"
	"dss.example/common/kv"
	"dss.example/common/sim"

	"dss.example/p3-replication/world"
)

// diskChecks are those of p3.8.
func diskChecks() []judge.Check {
	const tests = "'State|Transfer|Disk|Record'"
	three := company{name: "three servers", kind: world.Usual(), here: all(), far: all(), tune: narrow, watcher: auditor}
	sender, receiver := three, three
	sender.name, sender.far = "a server that others may lag behind", []int{1}
	receiver.name, receiver.far = "two servers that may lag", []int{2, 3}
	return []judge.Check{
		{
			Step: stepDisk, Name: "servers that keep few writes still agree", Run: many(2, tests, three),
			Rule: "Who lags behind what is kept is sent the state; whatever crashes when, nothing that was said is forgotten, and all come to agree.",
		},
		{
			Step: stepDisk, Name: "a state goes to and comes from any server", Run: many(2, tests, sender, receiver),
			Rule: "So it is when who sends the state, or who is sent it, is the judge's.",
		},
		{
			Step: stepDisk, Name: "who is sent a state keeps what is its own", Run: lags,
			Rule: "Writes that are tentative there and not in the state are still known, and are numbered in the end.",
		},
		{
			Step: stepDisk, Name: "a state that is saved replaces the records before it", Run: trims,
			Rule: "When all of it is on the disk older records go; a server that starts has few to load, and knows what it knew.",
		},
		{
			Step: stepDisk, Name: "each life needs nothing but its disk", Run: lives,
			Rule: "What a server knows after a crash it has from its records: its process has ended.",
		},
	}
}

func lags(t *judge.T) {
	s := play(t, "'Transfer|State'", narrow, all()...)
	s.part(3)
	s.done(3, put("own", "3"), kv.OK)
	for n := range 12 {
		s.done(1, put(fmt.Sprint("key ", n), "1"), kv.OK)
		s.wait(pulse)
	}
	s.wait(long)
	s.heal()
	for range long / pulse { // at first nobody is told what node 3 has written
		s.hand.Advance(pulse)
		s.deliverBut(func(l sim.Letter) bool { return l.From.Node == 3 && strings.HasPrefix(l.Text, "Batch") })
	}
	s.wait(2 * long)
	for _, node := range all() {
		s.reads(node, stable(get("own")), "3")
		for n := range 12 {
			s.reads(node, stable(get(fmt.Sprint("key ", n))), "1")
		}
	}
	s.crash(3)
	s.reads(3, stable(get("own")), "3")
	s.reads(3, stable(get("key 0")), "1")
}

// A server whose state is small writes so often, and may have that many records left.
const (
	puts       = 150
	fewRecords = 60
)

func trims(t *judge.T) {
	s := play(t, "'Record|State|Kept'", narrow, 1)
	for n := range puts {
		s.done(1, put(fmt.Sprint(n%3), fmt.Sprint(n)), kv.OK)
		s.wait(pulse)
	}
	for range 2 {
		if loaded := s.crash(1); loaded > fewRecords {
			t.Errorf("after %d writes of three keys %d records are on the disk: want at most %d", puts, loaded, fewRecords)
		}
		for n := puts - 3; n < puts; n++ {
			s.reads(1, stable(get(fmt.Sprint(n%3))), fmt.Sprint(n))
		}
	}
}
