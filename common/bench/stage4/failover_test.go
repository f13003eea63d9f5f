package stage4_test

import (
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dss.example/common/bench/harness"
	"dss.example/common/bench/proc"
	"dss.example/common/bench/stage4"
)

// TestMain lets the test program be a member, as the program bench is one: contestants
// start themselves.
func TestMain(m *testing.M) {
	if len(os.Args) == 7 && slices.Equal(os.Args[1:3], []string{"peer", "member"}) {
		os.Exit(member(os.Args[3:]))
	}
	os.Exit(m.Run())
}

func member(args []string) int {
	i, err := strconv.Atoi(args[1])
	if err != nil {
		return 2
	}
	if err := peer(args[0]).Member(harness.Member{Index: i, Dir: args[2], Addrs: strings.Split(args[3], ",")}); err != nil {
		_, _ = os.Stderr.WriteString(err.Error() + "\n")
	}
	return 1
}

func peer(kind string) harness.Peer {
	all := stage4.Stage().Peers
	return all[slices.IndexFunc(all, func(p harness.Peer) bool { return p.Kind == kind })]
}

// TestAKilledLeaderIsReplaced kills one leader of each library that this program embeds.
func TestAKilledLeaderIsReplaced(t *testing.T) {
	for _, kind := range []string{"boltdb", "dragonboat", "etcd"} {
		t.Run(kind, func(t *testing.T) {
			began := time.Now()
			r, err := peer(kind).Drive(t.TempDir(), harness.Turn{Load: "failover", Callers: 1, Scale: 0.2})
			require.NoError(t, err)
			require.Equal(t, 1, r.Ops)
			require.Positive(t, r.P50)
			require.Less(t, r.P50, float64(time.Since(began).Microseconds()))
			require.InEpsilon(t, 1e6/r.P50, r.Rate, 1e-6)
		})
	}
}

// TestAMemberWithAWrongPlaceIsRefused gives members what no group has.
func TestAMemberWithAWrongPlaceIsRefused(t *testing.T) {
	addrs := strings.Split("127.0.0.1:1,127.0.0.1:2,127.0.0.1:3,127.0.0.1:4,127.0.0.1:5,127.0.0.1:6", ",")
	for _, kind := range []string{"boltdb", "dragonboat", "etcd"} {
		for _, m := range []harness.Member{{Index: 3, Addrs: addrs}, {Index: -1, Addrs: addrs}, {Addrs: addrs[:5]}} {
			m.Dir = t.TempDir()
			require.ErrorContains(t, peer(kind).Member(m), "want one of 3 with 2 each", kind)
		}
	}
}

// TestEtcdIsDrivenThroughItsLeader asks three servers of etcd what ours is asked.
func TestEtcdIsDrivenThroughItsLeader(t *testing.T) {
	self, err := os.Executable()
	require.NoError(t, err)
	systems := stage4.Stage().Systems
	etcd := systems[slices.IndexFunc(systems, func(s harness.System) bool { return s.Name == "etcd" })]
	addrs, err := harness.FreeAddrs(etcd.Ports)
	require.NoError(t, err)
	p := harness.Place{Self: self, Dir: t.TempDir(), Addrs: addrs}
	for _, c := range etcd.Serve(p) {
		server, err := proc.Start(t.Context(), nil, c.Path, c.Args...)
		require.NoError(t, err)
		defer server.Stop()
	}
	turn := harness.Turn{Load: "served", Callers: 16, Warmup: time.Millisecond, For: 50 * time.Millisecond, Scale: 0.01}
	r, err := peer("etcd").Drive(etcd.Drive(p, turn).Args[3], turn)
	require.NoError(t, err)
	require.Positive(t, r.Ops)
}
