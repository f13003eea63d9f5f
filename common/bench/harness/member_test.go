package harness_test

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"dss.example/common/bench/harness"
)

func TestAMemberKnowsItsAddresses(t *testing.T) {
	m := harness.Member{Index: 1, Dir: "dir", Addrs: []string{"a", "b", "c", "d"}}
	require.Equal(t, []string{"c", "d"}, m.Own(1, 2))
	require.Equal(t, harness.Command{Path: "bench", Args: []string{"peer", "member", "etcd", "1", "dir", "a,b,c,d"}},
		harness.MemberOf("bench", "etcd", m))
}

func TestFreeAddressesAreDifferentAndNobodysWhoConnects(t *testing.T) {
	addrs, err := harness.FreeAddrs(50)
	require.NoError(t, err)
	seen := map[string]bool{}
	for _, addr := range addrs {
		a, err := netip.ParseAddrPort(addr)
		require.NoError(t, err)
		require.True(t, a.Addr().IsLoopback())
		require.Less(t, a.Port(), uint16(32_768), "where Linux begins")
		seen[addr] = true
	}
	require.Len(t, seen, 50)
}
