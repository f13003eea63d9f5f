package call_test

import (
	"net"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"dss.example/common/wire"

	"dss.example/p1-kvrpc/call"
)

// These need both of our halves, except for the standard pair: what it does not pass
// no other can be asked to.

func TestTheStoreOverTheStandardPair(t *testing.T) {
	judgeStore(t, newStandardServer, func(conn net.Conn) (client, error) {
		return wire.NewClient(t.Context(), conn, wire.ClientOptions{Errors: listed})
	})
}

func TestTheStoreOverOurPair(t *testing.T) {
	judgeStore(t, newOurServer, func(conn net.Conn) (client, error) {
		return call.NewClient(t.Context(), conn, call.ClientOptions{Errors: listed})
	})
}

func TestOurHalvesUnderstandEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newOurServer()
		register(t, s)
		c, err := call.NewClient(t.Context(), connect(t, s.ServeConn), call.ClientOptions{Errors: listed})
		require.NoError(t, err)
		replies(t, c)
		outcomes(t, c)
		manyCalls(t, c, 1000)
		require.NoError(t, c.Close())
	})
}

func TestAClientWithAsMuchRoomAsItsServerIsNeverRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := call.NewServer(call.ServerOptions{InFlight: 8})
		register(t, s)
		c, err := call.NewClient(t.Context(), connect(t, s.ServeConn), call.ClientOptions{Pending: 8})
		require.NoError(t, err)
		manyCalls(t, c, 1000)
		require.NoError(t, c.Close())
	})
}
