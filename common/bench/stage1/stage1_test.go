package stage1_test

import (
	"net"
	"os/exec"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dss.example/common/bench/harness"
	"dss.example/common/bench/stage1"
)

func TestTheTableIsSound(t *testing.T) {
	s := stage1.Stage()
	names, loads, kinds := map[string]harness.System{}, map[string]bool{}, map[string]bool{}
	for _, l := range s.Loads {
		loads[l.Name] = true
	}
	for _, p := range s.Peers {
		kinds[p.Kind] = true
	}
	place := harness.Place{Bin: "bin", Self: "bench", Dir: "dir", Addrs: []string{"127.0.0.1:1", "127.0.0.1:2"}}
	for _, system := range s.Systems {
		names[system.Name] = system
		for _, l := range system.Loads {
			require.True(t, loads[l], "%s: %s", system.Name, l)
			c := system.Drive(place, harness.Turn{Load: l, Callers: 3, For: time.Second})
			require.True(t, c.Path == "bin/kv" || c.Path == "bench" && kinds[c.Args[2]], "%s is driven by %v", system.Name, c)
		}
		require.NotEmpty(t, system.Serve(place))
		require.NotEmpty(t, system.About)
	}
	for _, b := range s.Bars {
		require.True(t, loads[b.Load])
		for _, name := range []string{"ours", b.Peer} {
			require.True(t, name == "" || slices.Contains(names[name].Loads, b.Load), "%s is measured under %s", name, b.Load)
		}
	}
}

func TestOursIsDrivenUnderTheSameLoad(t *testing.T) {
	drive := stage1.Stage().Systems[0].Drive
	place := harness.Place{Bin: "bin", Addrs: []string{"127.0.0.1:1", "127.0.0.1:2"}}
	turn := harness.Turn{Callers: 3, Warmup: time.Millisecond, For: time.Second}
	for l, want := range map[string][]string{
		"shared":   nil,
		"private":  {"-private"},
		"multiget": {"-batch", "16", "-reads", "100"},
	} {
		turn.Load = l
		require.Equal(t, append([]string{"-s", "127.0.0.1:1", "-json", "bench", "-callers", "3", "-warmup", "1ms", "-for", "1s"}, want...), drive(place, turn).Args)
	}
	turn.Load, turn.Profile = "shared", "x.prof"
	require.Equal(t, []string{"-profile", "x.prof"}, drive(place, turn).Args[10:])
}

func TestEveryPeerOfThisProgramServesAndIsDriven(t *testing.T) {
	for _, p := range stage1.Stage().Peers {
		if p.Serve == nil {
			continue // Redis: its own test is below
		}
		t.Run(p.Kind, func(t *testing.T) {
			ln, err := net.Listen("tcp", "127.0.0.1:0")
			require.NoError(t, err)
			ended := make(chan error, 1)
			go func() { ended <- p.Serve(ln) }()
			for _, l := range []string{"shared", "private"} {
				if p.Kind == "echo" && l == "shared" {
					continue // bytes of several callers would mingle
				}
				r, err := p.Drive(ln.Addr().String(), harness.Turn{Load: l, Callers: 32, For: 20 * time.Millisecond})
				require.NoError(t, err)
				require.Positive(t, r.Ops, l)
			}
			require.NoError(t, ln.Close())
			require.Error(t, <-ended, "and it ends with its listener")
		})
	}
}

// TestRedisOrItsNameIsThere drives Redis where it is installed; where it is not, the
// harness has to know what to ask for.
func TestRedisOrItsNameIsThere(t *testing.T) {
	s := stage1.Stage()
	redis := s.Systems[slices.IndexFunc(s.Systems, func(s harness.System) bool { return s.Name == "redis" })]
	require.Equal(t, "redis-server", redis.Needs[0].Package)
	if _, err := exec.LookPath(redis.Needs[0].Program); err != nil {
		return
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	addr := ln.Addr().String()
	require.NoError(t, ln.Close())
	c := redis.Serve(harness.Place{Dir: t.TempDir(), Addrs: []string{addr}})[0]
	server := exec.CommandContext(t.Context(), c.Path, c.Args...)
	require.NoError(t, server.Start())
	defer server.Wait()
	defer server.Process.Kill()
	require.Eventually(t, func() bool {
		conn, err := net.Dial("tcp", addr)
		return err == nil && conn.Close() == nil
	}, 30*time.Second, time.Millisecond)
	for _, l := range []string{"shared", "private", "multiget"} {
		p := s.Peers[slices.IndexFunc(s.Peers, func(p harness.Peer) bool { return p.Kind == "redis" })]
		r, err := p.Drive(addr, harness.Turn{Load: l, Callers: 4, For: 20 * time.Millisecond})
		require.NoError(t, err)
		require.Positive(t, r.Ops, l)
	}
}
