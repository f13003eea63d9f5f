package cmd_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"dss.example/common/kv"
	"dss.example/common/wire"

	front "dss.example/p1-kvrpc/server"
)

// group pretends to be replicas 1 to n, of which the first leads: no more of one than kv
// can see.
type group struct {
	addrs []string // of replicas 1, 2, …; none is "": nobody listens there

	mu     sync.Mutex // guards the following
	known  kv.Group
	answer kv.Status // to a Change; OK: it is made
	obeys  bool      // a Transfer is done
	asked  chan kv.Op
}

// replica is one of them, as a server has it.
type replica struct {
	*group
	id kv.ReplicaID
}

func (replica) Offers() kv.Caps {
	return kv.Caps{Stage: 4, Level: kv.Linearizable, Has: kv.CapSessions | kv.CapMembers}
}

func (r replica) Do(_ context.Context, req *kv.Request) *kv.Response {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch op := req.Op.(type) {
	case kv.Members:
		return &kv.Response{Status: kv.OK, Result: r.seen()}
	case kv.Inspect:
		return &kv.Response{Status: kv.OK, Result: r.state()}
	case kv.Change, kv.Transfer:
		if r.id != r.known.Leader {
			no := kv.Refuse(kv.Unavailable, "only the leader can do that")
			no.Try = r.addrs[r.known.Leader-1]
			return no
		}
		return r.lead(op)
	}
	return kv.Refuse(kv.Unsupported, "%s", kv.OpName(req.Op))
}

// seen is the group as this replica knows it: guests are the leader's business.
func (r replica) seen() kv.Group {
	g := r.known
	g.Asked = r.id
	if r.id != g.Leader {
		g.Guests = nil
	}
	return g
}

func (r replica) state() kv.Replica {
	s := kv.Replica{ID: r.id, Role: kv.Follower, Leader: r.known.Leader, Ballot: kv.Ballot{Round: 3, Replica: 1}, Version: 1, Commit: 17, First: 3, Snapshot: 2}
	switch r.id {
	case r.known.Leader:
		s.Role = kv.Leader
	case 3:
		s = kv.Replica{ID: 3, Role: kv.Forming, First: 1, Waiting: "peer 2 has not said\nwhether its disk is empty"}
	}
	return s
}

func (r replica) lead(op kv.Op) *kv.Response {
	if r.asked != nil {
		r.asked <- op
	}
	switch op := op.(type) {
	case kv.Change:
		if r.answer != kv.OK {
			return kv.Refuse(r.answer, "node %d has not caught up", op.Add)
		}
		g := &r.known
		g.Version++
		g.Members = slices.DeleteFunc(slices.Clone(g.Members), func(m kv.Member) bool { return m.ID == op.Remove })
		if op.Add != 0 {
			g.Members = append(g.Members, kv.Member{ID: op.Add, Addr: r.addrs[op.Add-1], Role: kv.Follower})
		}
	case kv.Transfer:
		if r.obeys {
			r.known.Leader = op.To
		}
	}
	return &kv.Response{Status: kv.OK}
}

// newGroup serves n replicas until the test has ended.
func newGroup(t testing.TB, n int) *group {
	g := &group{answer: kv.OK, known: kv.Group{Version: 1, From: 1, Commit: 17, Quorum1: 2, Quorum2: 2, Leader: 1}}
	listeners := make([]net.Listener, n)
	for i := range listeners {
		ln, err := wire.Listen("127.0.0.1:0")
		require.NoError(t, err)
		listeners[i] = ln
		m := kv.Member{ID: kv.ReplicaID(i + 1), Addr: ln.Addr().String(), Role: kv.Follower}
		if m.ID == g.known.Leader {
			m.Role = kv.Leader
		}
		g.addrs = append(g.addrs, m.Addr)
		g.known.Members = append(g.known.Members, m)
	}
	for i, ln := range listeners {
		srv := front.New(replica{g, kv.ReplicaID(i + 1)}, false, wire.ServerOptions{})
		served := make(chan error, 1)
		go func() { served <- srv.Serve(ln) }()
		t.Cleanup(func() {
			require.NoError(t, srv.Close())
			require.NoError(t, <-served)
		})
	}
	return g
}

// set changes what the replicas know.
func (g *group) set(change func(*group)) {
	g.mu.Lock()
	defer g.mu.Unlock()
	change(g)
}

// kv runs kv with one replica's address, and tells it and the others by their numbers.
func (g *group) kv(t testing.TB, asked int, args ...string) result {
	t.Helper()
	r := run(t, "kv", append([]string{"-s", g.addrs[asked-1]}, args...)...)
	for i, addr := range g.addrs {
		r.out = strings.ReplaceAll(r.out, addr, fmt.Sprintf("ADDR%d", i+1))
		r.err = strings.ReplaceAll(r.err, addr, fmt.Sprintf("ADDR%d", i+1))
	}
	return r
}

func (g *group) said(t testing.TB, want string, asked int, args ...string) {
	t.Helper()
	require.Empty(t, cmp.Diff(result{out: want}, g.kv(t, asked, args...), cmp.AllowUnexported(result{})))
}

func TestMembersAreToldByTheLeaderWhoeverIsAsked(t *testing.T) {
	g := newGroup(t, 3)
	g.set(func(g *group) {
		g.known.From = 81
		g.known.Guests = []kv.Guest{{ID: 4, Addr: "127.0.0.1:7004", Commit: 12}, {ID: 5, Addr: "127.0.0.1:7005", Commit: 17, Ready: true}}
	})
	for asked := 1; asked <= 3; asked++ {
		g.said(t, `group 1	quorums 2 and 2	leader 1	from slot 81 on, now 17
1	leader	ADDR1
2	follower	ADDR2
3	follower	ADDR3
4	joining	127.0.0.1:7004	slot 12 of 17
5	joining	127.0.0.1:7005	ready
`, asked, "members")
	}
	g.said(t, `{"version":1,"from":81,"commit":17,"quorum1":2,"quorum2":2,"asked":1,"leader":1,"members":[`+
		`{"id":1,"role":"leader","addr":"ADDR1"},{"id":2,"role":"follower","addr":"ADDR2"},{"id":3,"role":"follower","addr":"ADDR3"}],`+
		`"guests":[{"id":4,"addr":"127.0.0.1:7004","commit":12,"ready":false},{"id":5,"addr":"127.0.0.1:7005","commit":17,"ready":true}]}
`, 3, "-json", "members")
}

func TestMembersAreToldByAnotherIfTheLeaderIsOutOfReach(t *testing.T) {
	for name, leader := range map[string]string{"nobody listens": "127.0.0.1:1", "no address": ""} {
		g := newGroup(t, 2)
		g.set(func(g *group) { g.known.Members[0].Addr = leader })
		g.said(t, "group 1\tquorums 2 and 2\tleader 1\n1\tleader\t"+leader+"\n2\tfollower\tADDR2\n", 2, "members")
		g.set(func(g *group) { g.known.Leader = 0 })
		r := g.kv(t, 2, "members")
		require.True(t, strings.HasPrefix(r.out, "group 1\tquorums 2 and 2\tno leader\n"), "%s: %+v", name, r)
	}
}

func TestAChangeOfTheGroupFindsTheLeader(t *testing.T) {
	g := newGroup(t, 4)
	g.set(func(g *group) { g.known.Members = g.known.Members[:3] })
	g.said(t, "ok\n", 2, "members", "add", "4")
	g.said(t, "{\"removed\":3}\n", 3, "-json", "members", "remove", "3")
	g.said(t, "{\"added\":3,\"removed\":2}\n", 2, "-json", "members", "replace", "2", "3")
	g.said(t, "group 4\tquorums 2 and 2\tleader 1\n1\tleader\tADDR1\n4\tfollower\tADDR4\n3\tfollower\tADDR3\n", 4, "members")
}

func TestARefusedChangeSaysWhy(t *testing.T) {
	g := newGroup(t, 2)
	g.set(func(g *group) { g.answer = kv.Invalid })
	require.Equal(t, result{err: "kv members add: invalid request: node 9 has not caught up\n", code: 1}, g.kv(t, 2, "members", "add", "9"))
}

func TestAChangeOfUnknownOutcomeEndsWith3AndSaysHowToFindOut(t *testing.T) {
	g := newGroup(t, 1)
	g.set(func(g *group) { g.answer = kv.Maybe })
	require.Equal(t, result{
		err: "kv members add: outcome unknown: node 2 has not caught up (kv members tells whether it was done)\n", code: 3,
	}, g.kv(t, 1, "-mode", "at-most-once", "members", "add", "2"))
}

func TestATransferIsDoneWhenTheOtherLeads(t *testing.T) {
	g := newGroup(t, 3)
	g.set(func(g *group) { g.obeys = true })
	g.said(t, "ok\n", 3, "transfer", "2")
	g.said(t, "{\"leader\":3}\n", 1, "-json", "transfer", "3")
	g.set(func(g *group) { require.Equal(t, kv.ReplicaID(3), g.known.Leader) })
}

func TestATransferThatIsNotObeyedIsOfUnknownOutcome(t *testing.T) {
	g := newGroup(t, 2)
	asked := make(chan kv.Op, 1)
	g.set(func(g *group) { g.asked = asked })
	p := launch(t, nil, "kv", "-s", g.addrs[1], "-timeout", "1h", "transfer", "2")
	require.Equal(t, kv.Transfer{To: 2}, <-asked)
	p.signal(os.Interrupt)
	r := p.wait()
	require.Equal(t, 3, r.code, "%+v", r)
	require.Empty(t, r.out)
}

func TestStatusHasALineForEachAddress(t *testing.T) {
	g := newGroup(t, 3)
	all := strings.Join(g.addrs[1:], ",")
	g.said(t, `ADDR1	replica 1	leader	leader 1	ballot 3.1	slot 17	first 3	snapshot 2	group 1
ADDR2	replica 2	follower	leader 1	ballot 3.1	slot 17	first 3	snapshot 2	group 1
ADDR3	replica 3	forming	no leader	ballot 0.0	slot 0	first 1	snapshot 0	group 0	waits: peer 2 has not said whether its disk is empty
`, 1, "-s", g.addrs[0]+","+all, "status")
	g.said(t, `{"addr":"ADDR2","replica":2,"role":"follower","leader":1,"ballot":"3.1","commit":17,"first":3,"snapshot":2,"group":1}
{"addr":"ADDR3","replica":3,"role":"forming","ballot":"0.0","commit":0,"first":1,"snapshot":0,"group":0,"waiting":"peer 2 has not said\nwhether its disk is empty"}
`, 1, "-s", all, "-json", "status")
}

func TestStatusNamesWhoDoesNotAnswer(t *testing.T) {
	g := newGroup(t, 1)
	s := serve(t)
	r := run(t, "kv", "-s", strings.Join([]string{s.addr, g.addrs[0]}, ","), "status")
	require.Equal(t, 1, r.code)
	require.True(t, strings.HasPrefix(r.out, g.addrs[0]+"\treplica 1\t"), r.out)
	require.Equal(t, "kv status: "+s.addr+": not offered by this store: this server offers no members (stage 4 does)\n", r.err)
}
