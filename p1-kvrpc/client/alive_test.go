package client_test

import (
	"context"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"dss.example/common/kv"
	"dss.example/common/machine"
	"dss.example/common/wire"
	"dss.example/common/wire/memnet"

	"dss.example/p1-kvrpc/client"
	"dss.example/p1-kvrpc/server"
	"dss.example/p1-kvrpc/session"
)

// stuck is a store that takes every Put and answers none before it is let go.
type stuck struct {
	kv.Store
	came, goOn chan struct{}
}

func (s stuck) Do(ctx context.Context, req *kv.Request) *kv.Response {
	if _, put := req.Op.(kv.Put); put {
		s.came <- struct{}{}
		<-s.goOn
	}
	return s.Store.Do(ctx, req)
}

// serve serves store on a network of its own until end is called.
func serve(t testing.TB, store kv.Store, inline bool) (network *memnet.Network, end func()) {
	network = &memnet.Network{}
	ln, err := network.Listen("server")
	require.NoError(t, err)
	srv := server.New(store, inline, wire.ServerOptions{})
	served := make(chan error, 1)
	go func() { served <- srv.Serve(ln) }()
	return network, func() {
		require.NoError(t, srv.Close())
		require.NoError(t, <-served)
	}
}

type dialer = func(context.Context, string) (net.Conn, error)

func open(t testing.TB, dial dialer, patience session.Config) *client.Client {
	c, err := client.Open(t.Context(), client.Options{
		Addrs: []string{"server"}, Session: patience, Wire: wire.ClientOptions{Dial: dial},
	})
	require.NoError(t, err)
	return c
}

// A machine that is told inside its own step that a Call cannot be sent would wait for
// itself: on a mutex, which a synctest bubble does not see. So real time is the bound.
func TestARequestThatCannotBeSentDoesNotHoldUpItsCaller(t *testing.T) {
	store, _ := newStore(t)
	defer store.Close()
	network, end := serve(t, store, true)
	c := open(t, network.Dial, session.Config{Timeout: 100 * machine.Millisecond, Backoff: machine.Millisecond})
	end()
	ended := make(chan *kv.Response, 1)
	go func() {
		resp := c.Do(context.Background(), &kv.Request{Op: kv.Put{Key: "k"}})
		c.Close()
		ended <- resp
	}()
	select {
	case resp := <-ended:
		require.Equal(t, kv.Unavailable, resp.Status)
	case <-time.After(2 * time.Second):
		require.Fail(t, "a request that could not be sent holds up its caller: the client waits for itself")
	}
}

func TestARequestWhoseConnectionDiesEndsBeforeItsTimeIsUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, _ := newStore(t)
		defer store.Close()
		held := stuck{store, make(chan struct{}), make(chan struct{})}
		network, end := serve(t, held, false)
		defer end()
		var conn net.Conn // the last one
		c := open(t, func(ctx context.Context, addr string) (_ net.Conn, err error) {
			conn, err = network.Dial(ctx, addr)
			return conn, err
		}, session.Config{Mode: session.AtMostOnce})
		defer c.Close()
		defer close(held.goOn)
		ended := make(chan *kv.Response, 1)
		go func() { ended <- c.Do(context.Background(), &kv.Request{Op: kv.Put{Key: "k"}}) }()
		<-held.came
		require.NoError(t, conn.Close())
		synctest.Wait()
		require.Len(t, ended, 1, "a request hangs though its connection is dead")
		require.Equal(t, kv.Maybe, (<-ended).Status)
	})
}
