package kv_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"dss.example/common/kv"
)

func TestRolesAreReadAsTheyArePrinted(t *testing.T) {
	for role := kv.Follower; role <= kv.Joining; role++ {
		got, err := kv.ParseRole(role.String())
		require.NoError(t, err)
		require.Equal(t, role, got)
	}
	for _, bad := range []string{"", "none", "Leader", "#6"} {
		_, err := kv.ParseRole(bad)
		require.ErrorContains(t, err, "want one of [follower candidate leader forming joining]")
	}
}

func TestAdministrationChangesTheGroupAndNotTheStore(t *testing.T) {
	for _, g := range requestGolden {
		_, change := g.req.Op.(kv.Change)
		_, transfer := g.req.Op.(kv.Transfer)
		require.Equal(t, change || transfer, kv.Administers(g.req.Op), "%v", g.req.Op)
		if kv.Administers(g.req.Op) {
			require.False(t, kv.ReadOnly(g.req.Op), "%v", g.req.Op)
		}
	}
	require.True(t, kv.ReadOnly(kv.Members{}))
	require.True(t, kv.ReadOnly(kv.Inspect{}))
	require.False(t, (&kv.Request{Op: kv.Members{}, Wait: 1}).Waits())
}

func TestCheckRefusesAdministrationThatMakesNoSense(t *testing.T) {
	for _, c := range []struct {
		detail string
		req    kv.Request
	}{
		{"adds none and removes none", reqOf(kv.Change{})},
		{"transfer to replica 0", reqOf(kv.Transfer{})},
		{"change in session 7", kv.Request{Session: 7, Seq: 1, Op: kv.Change{Add: 1}}},
		{"transfer in session 7", kv.Request{Session: 7, Seq: 1, Op: kv.Transfer{To: 1}}},
		{"change at revision 7", kv.Request{At: kv.Version{Lo: 7}, Op: kv.Change{Add: 1}}},
		{"operation kv.Members", reqOf(kv.Txn{Then: []kv.Op{kv.Members{}}})},
		{"operation kv.Change", reqOf(kv.Txn{Else: []kv.Op{kv.Change{Add: 1}}})},
	} {
		resp := kv.Check(&c.req)
		require.NotNil(t, resp, c.detail)
		require.Equal(t, kv.Invalid, resp.Status, c.detail)
		require.Contains(t, resp.Detail, c.detail)
	}
}
