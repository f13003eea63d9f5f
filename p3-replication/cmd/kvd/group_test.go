package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dss.example/common/cbor"
	"dss.example/common/daemon/daemontest"
	"dss.example/common/kv"
	"dss.example/common/machine"
	"dss.example/common/run/recording"
	"dss.example/common/wire"
	"dss.example/common/wire/wiretest"

	"dss.example/p1-kvrpc/client"
	"dss.example/p3-replication/bayou"
	"dss.example/p3-replication/programs"
	"dss.example/p3-replication/replica"
)

func TestAnyReplicaServesAndAllComeToAgree(t *testing.T) {
	g := newGroup(t, 3).form()
	for id := 1; id <= 3; id++ {
		g.put(id, fmt.Sprint("key ", id), "value")
	}
	g.agree(1, 2, 3)
	for id := 1; id <= 3; id++ {
		require.Equal(t, "value", g.get(id, fmt.Sprint("key ", id%3+1)))
		c := kv.NewClient(g.client(id))
		require.Equal(t, replica.Offers(), c.Offers())
		members, err := c.Members(t.Context())
		require.NoError(t, err)
		require.Len(t, members.Members, 3)
		require.EqualValues(t, 1, members.Leader)
	}
	for id := 1; id <= 3; id++ {
		require.NoError(t, g.procs[id].Process.Signal(os.Interrupt))
	}
	for id := 1; id <= 3; id++ {
		require.Zero(t, g.procs[id].End(t), g.procs[id].Said())
	}
}

func TestOneOfThreeTakesWritesAndAllAnswerThemWhenTheyAreBack(t *testing.T) {
	g := newGroup(t, 3).form()
	g.agree(1, 2, 3)
	g.kill(1, 2)
	v := g.put(3, "key", "alone")
	require.Equal(t, "alone", g.get(3, "key"))
	g.with(3, func(c *kv.Client) {
		st, err := c.Inquire(t.Context(), v)
		require.NoError(t, err)
		require.Equal(t, kv.Standing{Known: true}, st, "without the primary nothing is stable")
	})
	began := time.Now()
	g.start(1, 2)
	g.spreads("key", "alone", 1, 2, 3)
	since(t, "spreading", began) // the bar is 10 s
	g.agree(1, 2, 3)
}

func TestWhoIsStoppedBeforeItCouldTellOthersTellsThemWhenItIsBack(t *testing.T) {
	g := newGroup(t, 3).form()
	g.agree(1, 2, 3)
	g.kill(1, 2)
	g.put(3, "key", "alone")
	require.NoError(t, g.procs[3].Process.Signal(syscall.SIGTERM))
	require.Zero(t, g.procs[3].End(t), g.procs[3].Said())
	g.start(1, 2)
	require.Equal(t, kv.ErrNotFound.Error(), g.get(1, "key"))
	g.start(3)
	g.spreads("key", "alone", 1, 2)
	g.agree(1, 2, 3)
}

func TestWhoRetiresStaysUntilOthersHaveItsWrites(t *testing.T) {
	g := newGroup(t, 3).form()
	g.agree(1, 2, 3)
	g.kill(1, 2)
	g.with(3, func(c *kv.Client) {
		_, err := c.Put(t.Context(), "key", []byte("last"))
		require.NoError(t, err)
		require.NoError(t, c.Change(t.Context(), kv.Change{Remove: 3}))
	})
	require.Equal(t, "last", g.get(3, "key"), "it is read from still")
	g.start(1, 2)
	require.Equal(t, 1, g.procs[3].End(t))
	require.Contains(t, g.procs[3].Said(), "this replica has retired")
	g.spreads("key", "last", 1, 2)
	g.agree(1, 2)
}

// TestBothSidesOfAPartitionTakeWrites has the third server where only clients reach it.
func TestBothSidesOfAPartitionTakeWrites(t *testing.T) {
	g := newGroup(t, 3)
	proxy := g.behindProxy(3)
	g.form()
	g.put(1, "key", "before")
	g.agree(1, 2, 3)
	proxy.Partition(time.Hour)
	g.put(1, "key", "one side")
	g.put(3, "key", "the other")
	g.put(3, "key 3", "news")
	g.spreads("key", "one side", 2)
	require.Equal(t, "the other", g.get(3, "key"))
	proxy.Heal()
	began := time.Now()
	g.agree(1, 2, 3)
	since(t, "healing", began)
	require.Equal(t, "news", g.get(2, "key 3"))
	require.Equal(t, g.get(1, "key"), g.get(3, "key"))
}

// writer counts up in keys of its own at one server, until ctx ends.
type writer struct {
	name         string
	acknowledged int
}

func (w *writer) write(ctx context.Context, c *client.Client) {
	for n := 1; ctx.Err() == nil; n++ {
		resp := c.Do(ctx, &kv.Request{Level: kv.Eventual, Op: kv.Put{Key: w.key(n), Value: []byte("x")}})
		if resp.Status != kv.OK {
			return
		}
		w.acknowledged = n
	}
}

func (w *writer) key(n int) string { return fmt.Sprintf("%s %d", w.name, n) }

func TestKillingReplicasLosesNoAcknowledgedWrite(t *testing.T) {
	g := newGroup(t, 3).form()
	ctx, cancel := context.WithCancel(t.Context())
	var writers []*writer
	var all sync.WaitGroup
	for id := 1; id <= 3; id++ {
		for i := range 4 {
			w, c := &writer{name: fmt.Sprintf("writer %d.%d", id, i)}, g.client(id)
			writers = append(writers, w)
			all.Go(func() { w.write(ctx, c) })
		}
	}
	for round := range 4 {
		for id := 1; id <= 3; id++ {
			g.put(id, "pace", fmt.Sprint(round)) // they have written meanwhile
		}
		id := round%3 + 1
		g.kill(id)
		g.start(id)
	}
	cancel()
	all.Wait()
	g.agree(1, 2, 3)
	for id := 1; id <= 3; id++ {
		g.with(id, func(c *kv.Client) {
			for _, w := range writers {
				require.Positive(t, w.acknowledged)
				for n := 1; n <= w.acknowledged; n++ {
					_, err := c.Get(t.Context(), w.key(n))
					require.NoError(t, err, "server %d, %s of %d", id, w.key(n), w.acknowledged)
				}
			}
		})
	}
}

func TestAnEmptiedDiskComesBackUnderAnotherName(t *testing.T) {
	g := newGroup(t, 3).form()
	g.put(2, "key", "before")
	g.agree(1, 2, 3)
	g.kill(2)
	require.NoError(t, os.RemoveAll(g.data(2)))
	g.start(2).named(2)
	g.spreads("key", "before", 2)
	g.put(2, "key", "after")
	g.agree(1, 2, 3)
	require.Equal(t, "after", g.get(1, "key"))
	g.with(1, func(c *kv.Client) {
		members, err := c.Members(t.Context())
		require.NoError(t, err)
		require.Len(t, members.Members, 4, "the former one has not retired: nobody knows that it will not come back")
	})
}

func TestADamagedLogIsToldOfAndRepairedByThePeers(t *testing.T) {
	g := newGroup(t, 3).form()
	for n := range 20 {
		g.put(2, "key", fmt.Sprint(n))
	}
	g.agree(1, 2, 3)
	g.kill(2)
	logs, err := filepath.Glob(filepath.Join(g.data(2), "log", "*.wal"))
	require.NoError(t, err)
	b, err := os.ReadFile(logs[0])
	require.NoError(t, err)
	b[len(bytes.TrimRight(b, "\x00"))/2] ^= 4
	require.NoError(t, os.WriteFile(logs[0], b, 0o600))
	g.start(2)
	daemontest.Eventually(t, "a word about it", func() bool {
		return strings.Contains(g.procs[2].Said(), "this server begins anew under another name")
	})
	g.spreads("key", "19", 2)
	g.put(2, "key", "after")
	g.agree(1, 2, 3)
}

func TestAReplicaThatIsInNobodysPeersJoinsAndOneRetires(t *testing.T) {
	g := newGroup(t, 4).form()
	g.put(1, "key", "before")
	g.launch(4, "-peers", g.peers(4), "-join", g.addrs[1]+","+g.addrs[0])
	g.spreads("key", "before", 4)
	g.put(4, "key", "hello")
	g.agree(1, 2, 3, 4)
	require.Equal(t, "hello", g.get(3, "key"))

	g.with(3, func(c *kv.Client) { require.NoError(t, c.Change(t.Context(), kv.Change{Remove: 3})) })
	require.Equal(t, 1, g.procs[3].End(t))
	require.Contains(t, g.procs[3].Said(), "this replica has retired")
	delete(g.procs, 3)
	g.agree(1, 2, 4)
	members, err := kv.NewClient(g.client(4)).Members(t.Context())
	require.NoError(t, err)
	require.Len(t, members.Members, 3)
	g.kill(4)
	g.launch(4, "-peers", g.peers(4), "-join", g.addrs[1]) // the same command line again
	g.spreads("key", "hello", 4)
}

func TestTransferMovesThePrimary(t *testing.T) {
	g := newGroup(t, 3).form()
	g.agree(1, 2, 3)
	ctx, cancel := context.WithTimeout(t.Context(), long)
	defer cancel()
	require.NoError(t, kv.NewClient(g.client(2, 3, 1)).Transfer(ctx, 2), "whoever is asked first says who it is")
	c := g.client(2)
	daemontest.Eventually(t, "a new primary", func() bool { return g.inspect(c).Role == kv.Leader })
	g.kill(1)
	g.put(3, "key", "after")
	g.agree(2, 3)
	g.start(1)
	g.agree(1, 2, 3)
	require.Equal(t, "after", g.get(1, "key"))
}

func TestTheServerThatMakesTheDatabaseCanBeChosen(t *testing.T) {
	g := newGroup(t, 3)
	for id := 1; id <= 3; id++ {
		g.launch(id, "-peers", g.peers(1, 2, 3), "-primary", "3", "-zone", "north")
	}
	g.named(1)
	require.EqualValues(t, 3, g.inspect(g.client(3)).Leader)
	g.put(2, "key", "value")
	g.agree(1, 2, 3)
}

func TestUnderTLSAPeerNeedsTheCertificateOfItsNode(t *testing.T) {
	authority := wiretest.NewAuthority(t)
	issued := map[int]wire.TLSFiles{0: authority.Issue(wiretest.Leaf{})}
	for id := 1; id <= 4; id++ {
		issued[id] = authority.Issue(wiretest.Leaf{Names: []string{wire.NodeName(machine.Node(id))}})
	}
	right := issued[3]
	issued[3] = authority.Issue(wiretest.Leaf{Names: []string{"node-2"}})
	g := newGroup(t, 4)
	g.tls = func(id int) wire.TLSFiles { return issued[id] }
	g.start(1, 2, 3)
	g.put(1, "key", "value")
	g.spreads("key", "value", 2)
	daemontest.Eventually(t, "a refusal", func() bool {
		return strings.Contains(g.procs[3].Said(), "the certificate is not node-3's")
	})
	require.Equal(t, kv.Joining, g.inspect(g.client(3)).Role)
	g.kill(3)
	issued[3] = right
	g.start(3)
	g.launch(4, "-peers", g.peers(4), "-join", g.addrs[0])
	g.spreads("key", "value", 3, 4)
	g.put(4, "key", "under TLS")
	g.agree(1, 2, 3, 4)
}

func TestWhatARecordingKeepsCanBeReplayed(t *testing.T) {
	g := newGroup(t, 3)
	file := filepath.Join(t.TempDir(), "recording")
	g.launch(1, "-peers", g.peers(1, 2, 3), "-record", file, "-zone", "north", "-eager", "0", "-near", "2.5", "-probe", "20ms")
	g.start(2, 3)
	for id := 1; id <= 3; id++ {
		g.put(id, "key", fmt.Sprint("value ", id))
	}
	g.with(2, func(c *kv.Client) {
		_, err := c.Guarded(t.Context(), kv.Guarded{
			If: `db.get("key") == "no"`, Then: []kv.Op{kv.Put{Key: "key"}}, Else: "def merge(db, update):\n    db.put(\"merged\", \"yes\")\n",
		})
		require.NoError(t, err)
	})
	g.agree(1, 2, 3)
	require.NoError(t, g.procs[1].Process.Signal(syscall.SIGTERM))
	require.Zero(t, g.procs[1].End(t), g.procs[1].Said())

	want := bayou.Config{Found: true, Addr: g.addrs[0], Zone: "north", Interval: 100 * machine.Millisecond, Eager: -1}
	for id := 2; id <= 3; id++ {
		want.Peers = append(want.Peers, bayou.Peer{Node: machine.Node(id), Addr: g.addrs[id-1]})
	}
	f, err := os.Open(file)
	require.NoError(t, err)
	defer f.Close()
	machines, steps := map[string]machine.Machine{}, map[string]int{}
	for step, err := range recording.Read(f) {
		require.NoError(t, err)
		role := step.Header.Self.Role
		p := replica.Roles(bayou.Config{Programs: programs.New})[role]
		require.NotNil(t, p, role)
		require.Equal(t, p.Name, step.Header.Protocol)
		if machines[role] == nil {
			machines[role], err = p.New(step.Header.Self, step.Header.Config)
			require.NoError(t, err)
		}
		if role == "kv" {
			told := cbor.AppendBytes(cbor.AppendUint(nil, math.Float64bits(2.5)), want.AppendTo(nil))
			require.Equal(t, told, step.Header.Config, "what the flags say")
		}
		in, err := machine.DecodeIn(step.In, p)
		require.NoError(t, err)
		var out machine.Out
		machines[role].Step(in, &out)
		require.Equal(t, step.Hash, recording.Hash(&out), "step %d of %s", step.Number, role)
		steps[role]++
	}
	require.Greater(t, steps["kv"], 20)
	require.Greater(t, steps["probe"], 5)
	require.Equal(t, "yes", g.get(2, "merged"))
}

func TestHealthAndMetricsTellOfTheReplica(t *testing.T) {
	g := newGroup(t, 3)
	admin := daemontest.FreeAddress(t)
	g.launch(2, "-peers", g.peers(1, 2, 3), "-http", admin)
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
	require.Equal(t, "waiting: this replica has no name yet: it waits for another to bear it\n", why)
	g.start(1, 3)
	g.put(2, "key", "value")
	daemontest.Eventually(t, "a name", func() bool { code, _ := get("/readyz"); return code == http.StatusOK })
	g.agree(1, 2, 3)
	metrics := func() string { _, text := get("/metrics"); return text }
	for _, line := range []string{
		"kvd_bayou_commit 4\n", "kvd_bayou_tentative 0\n", "kvd_bayou_named 1\n", "kvd_bayou_primary 0\n", "kvd_requests_total ",
		"kvd_probe_up 2\n", `kvd_bayou_vector_servers{vector="full"} 3`, "kvd_bayou_sessions_total ", "kvd_bayou_dropped_total ",
	} {
		daemontest.Eventually(t, line, func() bool { return strings.Contains(metrics(), line) })
	}
}
