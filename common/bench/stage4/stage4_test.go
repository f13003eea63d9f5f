package stage4_test

import (
	"context"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dss.example/common/kv"
	"dss.example/common/wire"

	"dss.example/common/bench/harness"
	"dss.example/common/bench/stage4"
	"dss.example/p1-kvrpc/server"
)

// place is one with six addresses, at which nobody listens.
func place() harness.Place {
	return harness.Place{Bin: "bin", Self: "bench", Dir: "dir", Addrs: []string{"[::1]:1", "[::1]:2", "[::1]:3", "[::1]:4", "[::1]:5", "[::1]:6"}}
}

func TestTheTableIsSound(t *testing.T) {
	s := stage4.Stage()
	names, loads, kinds := map[string]harness.System{}, map[string]harness.Load{}, map[string]harness.Peer{}
	for _, l := range s.Loads {
		loads[l.Name] = l
	}
	for _, p := range s.Peers {
		kinds[p.Kind] = p
	}
	for _, system := range s.Systems {
		names[system.Name] = system
		require.NotEmpty(t, system.About)
		require.Len(t, system.Serve(place()), system.Ports/2, system.Name)
		for _, l := range system.Loads {
			require.Contains(t, loads, l, system.Name)
			c := system.Drive(place(), harness.Turn{Load: l, Callers: 3, For: time.Second})
			if c.Path == "bin/kv" {
				require.Equal(t, "ours served", system.Name+" "+l)
				continue
			}
			require.Equal(t, []string{"bench", "peer", "drive"}, append([]string{c.Path}, c.Args[:2]...))
			require.Contains(t, kinds, c.Args[2], "%s is driven by %v", system.Name, c)
			require.Equal(t, loads[l].Embedded, c.Args[3] == "dir", "what is embedded is given a directory: %v", c)
		}
	}
	for _, b := range s.Bars {
		require.Contains(t, loads, b.Load)
		if own := loads[b.Load].Callers; own != nil {
			require.Subset(t, own, b.Callers, "a bar is for what is measured")
		}
		for _, name := range append([]string{"ours", b.Peer}, b.Among...) {
			require.True(t, name == "" || slices.Contains(names[name].Loads, b.Load), "%s is measured under %s", name, b.Load)
		}
	}
}

func TestEveryServerIsToldOfItsPeersAndOfItself(t *testing.T) {
	systems := stage4.Stage().Systems
	ours := systems[0].Serve(place())
	require.Equal(t, harness.Command{Path: "bin/kvd", Args: []string{
		"-id", "2", "-peers", "1=[::1]:1,2=[::1]:3,3=[::1]:5", "-data", "dir/2", "-http", "[::1]:4", "-v", "error",
	}}, ours[1])
	etcd := systems[slices.IndexFunc(systems, func(s harness.System) bool { return s.Name == "etcd" })]
	require.Equal(t, harness.Command{
		Path: "bench", Args: []string{"peer", "member", "etcd", "2", "dir/3", strings.Join(place().Addrs, ",")},
	}, etcd.Serve(place())[2])
	turn := harness.Turn{Load: "served", Callers: 64, Warmup: time.Millisecond, For: time.Second, Scale: 0.5}
	require.Equal(t, []string{"-s", "[::1]:1,[::1]:3,[::1]:5", "-json", "bench", "-callers", "64", "-warmup", "1ms", "-for", "1s", "-reads", "0", "-keys", "5000"},
		systems[0].Drive(place(), turn).Args)
	require.Equal(t, "[::1]:2,[::1]:4,[::1]:6", etcd.Drive(place(), turn).Args[3])
}

// told is a server of ours that says who leads.
type told struct{ kv.Replica }

// Do implements kv.Store.
func (s told) Do(context.Context, *kv.Request) *kv.Response {
	return &kv.Response{Status: kv.OK, Result: s.Replica}
}

// Offers implements kv.Store.
func (told) Offers() kv.Caps { return kv.Caps{} }

// Close implements kv.Store.
func (told) Close() error { return nil }

func TestOurClientsAskTheLeaderFirst(t *testing.T) {
	where := place()
	for i := range 3 {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		s := server.New(told{kv.Replica{ID: kv.ReplicaID(i + 1), Leader: 2, Role: kv.Follower}}, false, wire.ServerOptions{})
		var serving sync.WaitGroup
		serving.Go(func() { _ = s.Serve(ln) })
		t.Cleanup(func() {
			require.NoError(t, s.Close())
			serving.Wait()
		})
		where.Addrs[2*i] = ln.Addr().String()
	}
	a, b, c := where.Addrs[0], where.Addrs[2], where.Addrs[4]
	args := stage4.Stage().Systems[0].Drive(where, harness.Turn{Load: "served"}).Args
	require.Equal(t, []string{"-s", strings.Join([]string{b, a, c}, ",")}, args[:2])
}

func TestOursIsProfiledWhereverItsDriverIs(t *testing.T) {
	ours := stage4.Stage().Systems[0]
	for _, l := range []string{"durable", "memory", "served"} {
		args := ours.Drive(place(), harness.Turn{Load: l, Profile: "x.prof"}).Args
		require.Equal(t, []string{"-profile", "x.prof"}, args[len(args)-2:], l)
	}
	require.Equal(t, "http://[::1]:2/debug/pprof/profile", ours.Profile(place()))
}

// TestEveryGroupInAProcessCommits forms every group that needs no other process, durable
// and not, and tears it down again.
func TestEveryGroupInAProcessCommits(t *testing.T) {
	counted := map[string]bool{"rsm": true, "boltdb": true, "raftwal": true, "etcdraft": true, "probe": true}
	for _, p := range stage4.Stage().Peers {
		if slices.Contains([]string{"kvd", "etcd"}, p.Kind) {
			continue // only as processes
		}
		for _, l := range []string{"durable", "memory"} {
			t.Run(p.Kind+"/"+l, func(t *testing.T) {
				r, err := p.Drive(t.TempDir(), harness.Turn{Load: l, Callers: 4, Warmup: time.Millisecond, For: 50 * time.Millisecond})
				require.NoError(t, err)
				require.Positive(t, r.Ops)
				require.Equal(t, l == "durable" && counted[p.Kind], r.Syncs > 0, "%v syncs a commit", r.Syncs)
			})
		}
	}
}
