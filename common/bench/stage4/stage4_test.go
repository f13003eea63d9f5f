package stage4_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dss.example/common/bench/harness"
	"dss.example/common/bench/stage4"
)

// place is one with six addresses.
func place() harness.Place {
	return harness.Place{Bin: "bin", Self: "bench", Dir: "dir", Addrs: []string{"a:1", "a:2", "b:1", "b:2", "c:1", "c:2"}}
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
		"-id", "2", "-peers", "1=a:1,2=b:1,3=c:1", "-data", "dir/2", "-http", "b:2", "-v", "error",
	}}, ours[1])
	etcd := systems[slices.IndexFunc(systems, func(s harness.System) bool { return s.Name == "etcd" })]
	require.Equal(t, harness.Command{
		Path: "bench", Args: []string{"peer", "member", "etcd", "2", "dir/3", strings.Join(place().Addrs, ",")},
	}, etcd.Serve(place())[2])
	turn := harness.Turn{Load: "served", Callers: 64, Warmup: time.Millisecond, For: time.Second, Scale: 0.5}
	require.Equal(t, []string{"-s", "a:1,b:1,c:1", "-json", "bench", "-callers", "64", "-warmup", "1ms", "-for", "1s", "-reads", "0", "-keys", "5000"},
		systems[0].Drive(place(), turn).Args)
	require.Equal(t, "a:2,b:2,c:2", etcd.Drive(place(), turn).Args[3])
}

func TestOursIsProfiledWhereverItsDriverIs(t *testing.T) {
	ours := stage4.Stage().Systems[0]
	for _, l := range []string{"durable", "memory", "served"} {
		args := ours.Drive(place(), harness.Turn{Load: l, Profile: "x.prof"}).Args
		require.Equal(t, []string{"-profile", "x.prof"}, args[len(args)-2:], l)
	}
	require.Equal(t, "http://a:2/debug/pprof/profile", ours.Profile(place()))
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
