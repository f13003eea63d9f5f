package main

import (
	"fmt"
	"sync"

	"dss.example/common/judge"
	"dss.example/common/kv"
)

// kvdChecks start the servers as people do, as processes with disks.
func kvdChecks() []judge.Check {
	return []judge.Check{
		{
			Step: stepBirth, Name: "kvd lose nothing to kill -9, and agree", Run: killed,
			Rule: "While servers are killed under load, the others go on; every acknowledged write is at all of them in the end, and all hold the same.",
		},
		{
			Step: stepBirth, Name: "one kvd alone takes writes, and a session is kept", Run: alone,
			Rule: "With two of three killed the third still writes; when they are back all know it, a room was booked once, and a session never misses its own write.",
		},
		{
			Step: stepBirth, Name: "a kvd joins and another retires", Run: joins,
			Rule: "A server that is in nobody's list is borne by one that it is told of; one that retires ends by itself when others know it.",
		},
	}
}

// Under load each server is asked so often in a round, in the middle of which one is killed.
const (
	killings = 3
	perRound = 40
)

// writer puts keys of its own at one server, until it is not answered any more.
type writer struct {
	id, round int
	done      int // writes that were acknowledged
}

func (w *writer) key(n int) string { return fmt.Sprintf("writer %d.%d.%d", w.id, w.round, n) }

func (w *writer) write(g *group, told chan<- struct{}) {
	ctx, end := g.while(w.id)
	defer end()
	c, err := g.open(ctx, w.id)
	if err != nil {
		return
	}
	defer c.Close()
	for w.done < perRound {
		resp := c.Do(ctx, &kv.Request{Level: kv.Eventual, Op: kv.Put{Key: w.key(w.done), Value: []byte("x")}})
		if resp.Status != kv.OK {
			return
		}
		w.done++
		told <- struct{}{}
	}
}

func killed(t *judge.T) {
	t.Replay("go test ./p3-replication/cmd/kvd -run KillingReplicas")
	g := startGroup(t, 3)
	var all []*writer
	for round := range killings {
		victim := round%3 + 1
		all = append(all, g.round(round, victim)...)
		g.restart(victim)
	}
	for _, p := range g.procs {
		p.Kill() // a disk is all that is left of each
	}
	g.restart(1, 2, 3)
	g.agree(1, 2, 3)
	for _, w := range all {
		for n := range w.done {
			if got := g.reads(w.id%3+1, w.key(n)); got != "x" {
				t.Fatalf("kvd %d has acknowledged %q, and another that holds the same has not got it", w.id, w.key(n))
			}
		}
	}
}

// round lets writers do their writes, and kills one server meanwhile. The writers at the others
// must come to their end.
func (g *group) round(round, victim int) (all []*writer) {
	told := make(chan struct{}, 3*perRound)
	var under sync.WaitGroup
	ended := make(chan struct{})
	for id := 1; id <= 3; id++ {
		w := &writer{id: id, round: round}
		all = append(all, w)
		under.Go(func() { w.write(g, told) })
	}
	go func() {
		under.Wait()
		close(ended)
	}()
	for range perRound {
		select {
		case <-told:
		case <-ended:
		}
	}
	g.procs[victim-1].Kill()
	<-ended
	for _, w := range all {
		if w.id != victim && w.done < perRound {
			g.t.Fatalf("kvd %d has acknowledged %d writes of %d, and was not killed %s", w.id, w.done, perRound, g.procs[w.id-1].Errors())
		}
	}
	return all
}

// book takes a room if it is free, or else another: programs in the language of kvd.
func book(who string) kv.Guarded {
	return kv.Guarded{
		If: `db.get("room") == None`, Then: []kv.Op{kv.Put{Key: "room", Value: []byte(who)}},
		Else: "def merge(db, update):\n    db.put(\"other room\", update[0].value)\n",
	}
}

func alone(t *judge.T) {
	t.Replay("go test ./p3-replication/cmd/kvd -run OneOfThree")
	g := startGroup(t, 3)
	g.done(1, kv.Put{Key: "a", Value: []byte("before")})
	g.agree(1, 2, 3)
	g.procs[0].Kill()
	g.procs[1].Kill()
	g.done(3, book("three"))
	own := g.done(3, kv.Put{Key: "a", Value: []byte("alone")})
	session := g.do(3, &kv.Request{Level: kv.Session, Op: kv.Put{Key: "s", Value: []byte("mine")}})
	if st, _ := g.done(3, kv.Inquire{Write: own.Rev}).Result.(kv.Standing); !st.Known || st.Stable {
		t.Errorf("the primary is down, and of a write at the third is said: %+v", st)
	}
	g.restart(1, 2)
	for _, id := range []int{1, 2} { // a session may not be served yet; what it is told is right
		resp := g.do(id, &kv.Request{Level: kv.Session, Token: session.Token, Op: kv.Get{Key: "s"}})
		if it, _ := resp.Result.(kv.Item); resp.Status == kv.NotFound || resp.Status == kv.OK && string(it.Value) != "mine" {
			t.Errorf("a session has put s, and kvd %d answers it with %v", id, resp)
		}
	}
	g.done(1, book("one"))
	g.agree(1, 2, 3)
	for id := 1; id <= 3; id++ {
		room, other := g.reads(id, "room"), g.reads(id, "other room")
		if got := g.reads(id, "a"); got != "alone" || room == other || room == "" || other == "" {
			t.Errorf("kvd %d has a=%q, room=%q, other room=%q: want a=alone, and both rooms booked, by one and three", id, got, room, other)
		}
	}
	for i, p := range g.procs {
		p.Terminate()
		if code := p.Wait(); code != 0 {
			t.Errorf("kvd %d ended with %d after SIGTERM: want 0", i+1, code)
		}
	}
}

func joins(t *judge.T) {
	t.Replay("go test ./p3-replication/cmd/kvd -run Joins")
	g := startGroup(t, 4)
	g.done(1, kv.Put{Key: "a", Value: []byte("before")})
	g.procs = append(g.procs, t.Start("kvd", g.args(4)...))
	g.ready(4)
	g.eventually("kvd 4 has what was written before it came", func() bool { return g.reads(4, "a") == "before" })
	g.done(4, kv.Put{Key: "b", Value: []byte("of the fourth")})
	g.agree(1, 2, 3, 4)
	g.done(3, kv.Put{Key: "c", Value: []byte("last word")})
	g.done(3, kv.Change{Remove: 3})
	g.procs[2].Wait()
	g.agree(1, 2, 4)
	if b, c := g.reads(2, "b"), g.reads(4, "c"); b != "of the fourth" || c != "last word" {
		t.Errorf("who came wrote b=%q, and who retired c=%q: want what they have put", b, c)
	}
	members, _ := g.done(4, kv.Members{}).Result.(kv.Group)
	if len(members.Members) != 3 {
		t.Errorf("of four servers one has retired, and kvd 4 tells of %d members", len(members.Members))
	}
}
