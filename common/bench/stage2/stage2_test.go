package stage2_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dss.example/common/bench/harness"
	"dss.example/common/bench/stage2"
)

func TestTheTableIsSound(t *testing.T) {
	s := stage2.Stage()
	names, loads, kinds := map[string]harness.System{}, map[string]harness.Load{}, map[string]bool{}
	for _, l := range s.Loads {
		loads[l.Name] = l
	}
	for _, p := range s.Peers {
		kinds[p.Kind] = true
	}
	place := harness.Place{Bin: "bin", Self: "bench", Dir: "dir", Addrs: []string{"127.0.0.1:1", "127.0.0.1:2"}}
	for _, system := range s.Systems {
		names[system.Name] = system
		require.NotEmpty(t, system.About)
		require.Len(t, system.Serve(place), min(system.Ports, 1), system.Name)
		for _, l := range system.Loads {
			require.Contains(t, loads, l, system.Name)
			c := system.Drive(place, harness.Turn{Load: l, Callers: 3, For: time.Second})
			if loads[l].Embedded {
				require.Equal(t, []string{"bench", "peer", "drive"}, append([]string{c.Path}, c.Args[:2]...))
				require.True(t, kinds[c.Args[2]], "%s is driven by %v", system.Name, c)
				require.Equal(t, "dir", c.Args[3])
			} else {
				require.Equal(t, "bin/kv", c.Path)
			}
		}
	}
	for _, b := range s.Bars {
		require.Contains(t, loads, b.Load)
		for _, callers := range b.Callers {
			require.Contains(t, loads[b.Load].Callers, callers, "a bar is for what is measured")
		}
		for _, name := range []string{"ours", b.Peer} {
			require.True(t, name == "" || slices.Contains(names[name].Loads, b.Load), "%s is measured under %s", name, b.Load)
		}
	}
}

func TestBothServersAreAskedTheSame(t *testing.T) {
	place := harness.Place{Bin: "bin", Self: "bench", Dir: "dir", Addrs: []string{"127.0.0.1:1", "127.0.0.1:2"}}
	turn := harness.Turn{Load: "served", Callers: 64, Warmup: time.Millisecond, For: time.Second}
	want := []string{"-s", "127.0.0.1:1", "-json", "bench", "-callers", "64", "-warmup", "1ms", "-for", "1s", "-reads", "0"}
	for _, s := range stage2.Stage().Systems {
		if !slices.Contains(s.Loads, "served") {
			continue
		}
		require.Equal(t, want, s.Drive(place, turn).Args, s.Name)
		durable := slices.Contains(s.Serve(place)[0].Args, "-data")
		require.Equal(t, s.Name == "ours", durable)
	}
	turn.Profile = "x.prof"
	require.Equal(t, append(want, "-profile", "x.prof"), stage2.Stage().Systems[0].Drive(place, turn).Args)
	turn.Load = "put"
	require.Equal(t, []string{"-profile", "x.prof"}, stage2.Stage().Systems[0].Drive(place, turn).Args[14:])
}

func TestWhoIsNotInstalledIsKnownByTheNameOfItsPackage(t *testing.T) {
	want := map[string]string{"restic": "restic", "borg": "borgbackup", "git": "git", "rsync": "rsync", "cp": "coreutils"}
	for _, s := range stage2.Stage().Systems {
		if len(s.Needs) > 0 {
			require.Equal(t, want[s.Name], s.Needs[0].Package)
			delete(want, s.Name)
		}
	}
	require.Empty(t, want)
}
