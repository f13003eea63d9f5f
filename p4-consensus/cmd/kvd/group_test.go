package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"dss.example/common/kv"
	"dss.example/common/machine"
	"dss.example/common/run/recording"
	"dss.example/common/wire"
	"dss.example/common/wire/wiretest"

	"dss.example/p1-kvrpc/client"
	"dss.example/p4-consensus/paxos"
	"dss.example/p4-consensus/paxos/proto"
)

func TestThreeReplicasServeAtAnyOfThem(t *testing.T) {
	g := newGroup(t, 3).form()
	for id := 1; id <= 3; id++ {
		g.put(fmt.Sprint("key ", id), "value", id)
		require.Equal(t, "value", g.get(fmt.Sprint("key ", id), id%3+1))
		c := kv.NewClient(g.client(id))
		require.Equal(t, 4, c.Offers().Stage)
		members, err := c.Members(t.Context())
		require.NoError(t, err)
		require.Len(t, members.Members, 3)
		require.Equal(t, g.addrs[2], members.Members[2].Addr)
		r, err := c.Inspect(t.Context())
		require.NoError(t, err)
		require.EqualValues(t, id, r.ID)
	}
	for id := 1; id <= 3; id++ {
		require.NoError(t, g.procs[id].Process.Signal(os.Interrupt))
	}
	for id := 1; id <= 3; id++ {
		require.Zero(t, g.procs[id].end(t), &g.procs[id].said)
	}
}

// writer counts up in a key of its own until ctx ends, and keeps what was acknowledged.
type writer struct {
	key                 string
	begun, acknowledged int
	err                 error
}

func (w *writer) write(ctx context.Context, c *client.Client) {
	for n := 1; ctx.Err() == nil; n++ {
		w.begun = n
		resp := c.Do(ctx, &kv.Request{Op: kv.Append{Key: w.key, Value: fmt.Appendf(nil, "%d,", n)}})
		switch {
		case resp.Status == kv.OK:
			w.acknowledged = n
		case ctx.Err() == nil:
			w.err = fmt.Errorf("write %d: %v", n, resp)
			return
		}
	}
}

// check compares a key with what its writer knows: all that was acknowledged is there,
// once and in order, and at most the last one that was not.
func (w *writer) check(value string) error {
	n := 0
	for i, word := range strings.Split(strings.TrimSuffix(value, ","), ",") {
		if n = i + 1; word != fmt.Sprint(n) {
			return fmt.Errorf("%s: write %d is %q", w.key, n, word)
		}
	}
	if n < w.acknowledged || n > w.begun {
		return fmt.Errorf("%s: %d writes are there, %d were acknowledged, %d begun", w.key, n, w.acknowledged, w.begun)
	}
	return nil
}

func TestKillingTheLeaderCostsOneFailOverAndNoAcknowledgedWrite(t *testing.T) {
	g := newGroup(t, 3).form()
	ctx, cancel := context.WithCancel(t.Context())
	writers := make([]*writer, 8)
	c := g.client(1, 2, 3)
	var all sync.WaitGroup
	for i := range writers {
		w := &writer{key: fmt.Sprint("writer ", i)}
		writers[i] = w
		all.Go(func() { w.write(ctx, c) })
	}
	for range 4 {
		awaitWrites(t, c, 30)
		id := g.leader()
		g.kill(id)
		awaitWrites(t, c, 30)
		g.start(id)
	}
	awaitWrites(t, c, 30)
	cancel()
	all.Wait()
	for id := 1; id <= 3; id++ {
		for _, w := range writers {
			require.NoError(t, w.err)
			require.NoError(t, w.check(g.get(w.key, id)))
		}
	}
}

// awaitWrites waits until n more writes were done.
func awaitWrites(t testing.TB, c *client.Client, n uint64) {
	t.Helper()
	rev := func() uint64 { return c.Do(t.Context(), &kv.Request{Op: kv.Stat{}}).Rev.Lo }
	from := rev()
	eventually(t, "writes", func() bool { return rev() >= from+n })
}

func TestAMinorityRefusesAndGoesOnWhenItIsOneNoMore(t *testing.T) {
	g := newGroup(t, 3).form()
	g.put("key", "before", 1, 2, 3)
	g.kill(1)
	g.kill(2)
	refused := g.refused(time.Second, kv.Get{Key: "key"}, kv.Put{Key: "key", Value: []byte("alone")}, 3)
	require.Equal(t, kv.Unavailable, refused[0].Status, refused[0].Detail)
	require.Contains(t, []kv.Status{kv.Unavailable, kv.Maybe}, refused[1].Status, refused[1].Detail)
	item, err := kv.NewClient(g.client(3)).With(kv.Eventual).Get(t.Context(), "key")
	require.NoError(t, err)
	require.Equal(t, "before", string(item.Value), "what may be old can be read")
	g.start(1)
	g.put("key", "after", 3)
	require.Equal(t, "after", g.get("key", 1))
}

func TestAWipedDiskIsRefusedAndTakenUpAgainWithJoin(t *testing.T) {
	g := newGroup(t, 3).form()
	g.put("key", "before", 1)
	g.kill(2)
	require.NoError(t, os.RemoveAll(g.data(2)))
	wiped := g.start(2)
	eventually(t, "a word about -join", func() bool {
		return strings.Contains(wiped.said.String(), "does not know this disk: start with -join to be taken up")
	})
	require.Equal(t, kv.Forming, g.inspect(g.client(2)).Role)
	g.kill(2)

	g.start(2, "-join", g.addrs[0]+","+g.addrs[2])
	c := g.client(2)
	eventually(t, "a vote", func() bool { return g.inspect(c).Role == kv.Follower || g.inspect(c).Role == kv.Leader })
	g.kill(3)
	g.put("key", "after", 2)
	require.Equal(t, "after", g.get("key", 1))
	g.kill(2)
	g.start(2, "-join", g.addrs[0]) // the same command line again
	require.Equal(t, "after", g.get("key", 2))
}

func TestADamagedLogIsRepairedByThePeers(t *testing.T) {
	g := newGroup(t, 3).form()
	for n := range 20 {
		g.put("key", fmt.Sprint(n), 2)
	}
	g.kill(2)
	logs, err := filepath.Glob(filepath.Join(g.data(2), "log", "*.wal"))
	require.NoError(t, err)
	b, err := os.ReadFile(logs[0])
	require.NoError(t, err)
	b[len(bytes.TrimRight(b, "\x00"))/2] ^= 4
	require.NoError(t, os.WriteFile(logs[0], b, 0o600))
	damaged := g.start(2)
	require.Contains(t, damaged.said.String(), "records of the log are damaged")
	c := g.client(2)
	eventually(t, "a vote", func() bool { r := g.inspect(c); return r.Role == kv.Follower && r.Waiting == "" })
	g.kill(3)
	require.Equal(t, "19", g.get("key", 2))
	g.put("key", "after", 2)
}

func TestAReplicaJoinsAndAnotherIsRemoved(t *testing.T) {
	g := newGroup(t, 4).form()
	g.put("key", "before", 1)
	g.launch(4, "-peers", g.peers(4), "-join", g.addrs[0])
	admin := kv.NewClient(g.client(1, 2, 3, 4))
	change := func(c kv.Change) {
		eventually(t, "a change", func() bool {
			err := admin.Change(t.Context(), c)
			return err == nil
		})
	}
	change(kv.Change{Add: 4})
	c := g.client(4)
	eventually(t, "a vote", func() bool { return g.inspect(c).Role == kv.Follower })
	gone := g.leader()
	change(kv.Change{Remove: kv.ReplicaID(gone)})
	require.Equal(t, 1, g.procs[gone].end(t))
	require.Contains(t, g.procs[gone].said.String(), "the group has removed this replica")
	delete(g.procs, gone)
	g.kill(others(3, gone)[0])
	require.Equal(t, "before", g.get("key", 4), "two of three are a majority")
	members, err := kv.NewClient(c).Members(t.Context())
	require.NoError(t, err)
	require.Len(t, members.Members, 3)
}

func TestUnderTLSAPeerNeedsTheCertificateOfItsNode(t *testing.T) {
	authority := wiretest.NewAuthority(t)
	issued := map[int]wire.TLSFiles{0: authority.Issue(wiretest.Leaf{})}
	for id := 1; id <= 3; id++ {
		issued[id] = authority.Issue(wiretest.Leaf{Names: []string{wire.NodeName(machine.Node(id))}})
	}
	right := issued[3]
	issued[3] = authority.Issue(wiretest.Leaf{Names: []string{"node-2"}})
	g := newGroup(t, 3)
	g.tls = func(id int) wire.TLSFiles { return issued[id] }
	g.form()
	refused := g.stranger(authority, 2*time.Second)
	eventually(t, "a refusal", func() bool {
		return strings.Contains(g.procs[3].said.String(), "the certificate is not node-3's")
	})
	c := g.client(1)
	require.Equal(t, kv.Forming, g.inspect(c).Role)
	eventually(t, "a word about the missing peer", func() bool {
		return strings.Contains(g.procs[1].said.String(), "peer 3 has not said whether its disk is empty")
	})
	g.kill(3)
	issued[3] = right
	g.start(3)
	g.put("key", "value", 3)
	require.Equal(t, "value", g.get("key", 1))

	g.kill(2)
	require.NoError(t, os.RemoveAll(g.data(2)))
	g.start(2, "-join", g.addrs[0])
	g.put("key", "joined", 2)

	require.ErrorIs(t, <-refused, kv.ErrUnavailable)
}

// stranger tries for a while to talk to the first server, with a certificate that nobody
// knows. What comes of it is told in the end.
func (g *group) stranger(authority *wiretest.Authority, patience time.Duration) <-chan error {
	files := wiretest.NewAuthority(g.t).Issue(wiretest.Leaf{})
	files.CA = authority.File()
	config, err := files.Client()
	require.NoError(g.t, err)
	told := make(chan error, 1)
	go func() { // ends with its patience
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		_, err := client.Open(ctx, client.Options{Addrs: g.addrs[:1], Wire: wire.ClientOptions{TLS: config}})
		told <- err
	}()
	return told
}

func TestALeaderThatIsAskedToEndLetsAnotherLead(t *testing.T) {
	// With leases of half a minute nobody else may lead for so long, unless it is asked to.
	g := newGroup(t, 3, "-election", "30s", "-lease", "30s").form()
	g.put("key", "before", 1, 2, 3)
	id := g.leader()
	began := time.Now()
	require.NoError(t, g.procs[id].Process.Signal(syscall.SIGTERM))
	require.Zero(t, g.procs[id].end(t), &g.procs[id].said)
	delete(g.procs, id)
	g.put("key", "after", others(3, id)...)
	t.Logf("another leads %v after SIGTERM", time.Since(began))
	require.Less(t, time.Since(began), 30*time.Second)
}

func TestWhatARecordingKeepsCanBeReplayed(t *testing.T) {
	g := newGroup(t, 3)
	file := filepath.Join(t.TempDir(), "recording")
	g.args = strings.Fields("-alpha 7 -heartbeat 30ms -election 300ms -lease 250ms -snapshot 3 -quorum1 3 -quorum2 1")
	g.start(1, "-record", file)
	g.start(2)
	g.start(3)
	for id := 1; id <= 3; id++ {
		g.put("key", "value", id)
		require.Equal(t, "value", g.get("key", id))
	}
	_, err := kv.NewClient(g.client(1)).Members(t.Context())
	require.NoError(t, err)
	require.NoError(t, g.procs[1].Process.Signal(syscall.SIGTERM))
	require.Zero(t, g.procs[1].end(t), &g.procs[1].said)

	want := paxos.Config{
		Addr: g.addrs[0], Alpha: 7, Heartbeat: 30 * machine.Millisecond, Election: 300 * machine.Millisecond,
		Lease: 250 * machine.Millisecond, Snapshot: 3 << 20, Quorum1: 3, Quorum2: 1,
	}
	for i, addr := range g.addrs {
		want.Peers = append(want.Peers, proto.Member{Voter: proto.Voter{Node: machine.Node(i + 1)}, Addr: addr})
	}
	f, err := os.Open(file)
	require.NoError(t, err)
	defer f.Close()
	var m machine.Machine
	p, steps := language().Protocol(), 0
	for step, err := range recording.Read(f) {
		require.NoError(t, err)
		require.Equal(t, p.Name, step.Header.Protocol)
		if m == nil {
			config, err := paxos.DecodeConfig(step.Header.Config)
			require.NoError(t, err)
			require.Empty(t, cmp.Diff(want, config), "what the flags say")
			m, err = p.New(step.Header.Self, step.Header.Config)
			require.NoError(t, err)
		}
		in, err := machine.DecodeIn(step.In, p)
		require.NoError(t, err)
		var out machine.Out
		m.Step(in, &out)
		require.Equal(t, step.Hash, recording.Hash(&out), "step %d", step.Number)
		steps++
	}
	require.Greater(t, steps, 20)
}

func TestHealthAndMetricsTellOfTheReplica(t *testing.T) {
	g := newGroup(t, 3)
	admin := freeAddress(t)
	g.start(1, "-http", admin)
	get := func(path string) (int, string) {
		resp, err := http.Get("http://" + admin + path)
		require.NoError(t, err)
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		return resp.StatusCode, string(b)
	}
	code, why := get("/readyz")
	require.Equal(t, http.StatusServiceUnavailable, code)
	require.Contains(t, why, "waiting: this replica does not vote: it is forming: ")
	g.start(2)
	g.start(3)
	g.put("key", "value", 1)
	code, why = get("/readyz")
	require.Equal(t, http.StatusOK, code, why)
	metrics := func() string { _, text := get("/metrics"); return text }
	eventually(t, "a commit", func() bool { return !strings.Contains(metrics(), "kvd_paxos_commit 0\n") })
	for _, line := range []string{"kvd_paxos_members 3\n", "kvd_requests_total ", `kvd_paxos_role{role="leader"} `, "kvd_paxos_dropped_total "} {
		require.Contains(t, metrics(), line)
	}
}
