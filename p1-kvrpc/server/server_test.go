package server_test

import (
	"context"
	"io"
	"log/slog"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"dss.example/common/kv"
	"dss.example/common/wire"
	"dss.example/common/wire/memnet"

	"dss.example/p1-kvrpc/server"
)

// store answers as a test wants, by key; an Events waits until its context ends.
type store struct {
	waits chan struct{} // gets one for each Events that has begun
	ended chan struct{} // and one for each whose context has ended
	over  chan struct{} // closed at the end of the test
}

func newStore() *store {
	return &store{waits: make(chan struct{}, 1), ended: make(chan struct{}, 1), over: make(chan struct{})}
}

func (s *store) Offers() kv.Caps {
	return kv.Caps{Stage: 1, Level: kv.Linearizable, Has: kv.CapAppend | kv.CapWatch}
}

func (s *store) Do(ctx context.Context, req *kv.Request) *kv.Response {
	switch op := req.Op.(type) {
	case kv.Events:
		s.waits <- struct{}{}
		select {
		case <-ctx.Done():
			s.ended <- struct{}{}
		case <-s.over:
		}
		return kv.Refuse(kv.Unavailable, "ended")
	case kv.Get:
		if op.Key == "panic" {
			panic("as the test wants")
		}
		for status := kv.OK; status <= kv.Unsatisfied; status++ {
			if op.Key == status.String() {
				return kv.Refuse(status, "why")
			}
		}
	}
	return &kv.Response{Status: kv.OK, Stable: true}
}

// serve returns a server, its network, and a connection to it.
func serve(t testing.TB, s *store) (*server.Server, *memnet.Network, *wire.Client) {
	network := &memnet.Network{}
	ln, err := network.Listen("server")
	require.NoError(t, err)
	srv := server.New(s, true, wire.ServerOptions{Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
	served := make(chan error, 1)
	go func() { served <- srv.Serve(ln) }()
	t.Cleanup(func() {
		close(s.over)
		require.NoError(t, srv.Close())
		require.NoError(t, <-served)
	})
	return srv, network, dial(t, network)
}

func dial(t testing.TB, network *memnet.Network) *wire.Client {
	c, err := wire.Dial(t.Context(), "server", wire.ClientOptions{Dial: network.Dial})
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() }) // closing twice tells nothing
	return c
}

var poll = kv.Request{Op: kv.Events{}, Wait: time.Minute}

// begin begins a long poll and returns when it waits in the store; the channel tells
// how the call ended.
func begin(t testing.TB, s *store, c *wire.Client) <-chan error {
	ended := make(chan error, 1)
	go func() {
		var resp kv.Response
		ended <- c.Call(t.Context(), server.MethodWait, &poll, &resp)
	}()
	<-s.waits
	return ended
}

func TestEachStatusArrivesAsItLeft(t *testing.T) {
	_, _, c := serve(t, newStore())
	for status := kv.OK; status <= kv.Unsatisfied; status++ {
		req := &kv.Request{Op: kv.Get{Key: status.String()}}
		for _, method := range []string{server.MethodDo, server.MethodWait} {
			var resp kv.Response
			require.NoError(t, c.Call(t.Context(), method, req, &resp), "a refusal is an answer")
			require.Empty(t, cmp.Diff(kv.Refuse(status, "why"), &resp))
		}
	}
}

func TestOffersAreTheStores(t *testing.T) {
	s := newStore()
	_, _, c := serve(t, s)
	var caps server.Caps
	require.NoError(t, c.Call(t.Context(), server.MethodOffers, &server.Nothing{}, &caps))
	require.Equal(t, s.Offers(), caps.Caps)
}

func TestARequestThatWaitsDoesNotHoldUpTheOthers(t *testing.T) {
	s := newStore()
	_, _, c := serve(t, s)
	var resp kv.Response
	require.NoError(t, c.Call(t.Context(), server.MethodDo, &poll, &resp))
	require.Equal(t, kv.Invalid, resp.Status, "the reading loop does not wait")

	ended := begin(t, s, c)
	require.NoError(t, c.Call(t.Context(), server.MethodDo, &kv.Request{Op: kv.Get{Key: "a"}}, &resp))
	require.NoError(t, c.Close())
	requireSoon(t, s.ended, "the poll of a connection that is gone")
	require.Error(t, <-ended)
}

func TestALongPollEndsWithItsConnection(t *testing.T) {
	s := newStore()
	_, network, first := serve(t, s)
	ended := begin(t, s, first)
	require.NoError(t, first.Close())
	requireSoon(t, s.ended, "the poll of a connection that is gone")
	require.Error(t, <-ended)

	var resp kv.Response
	require.NoError(t, dial(t, network).Call(t.Context(), server.MethodDo, &kv.Request{Op: kv.Get{Key: "a"}}, &resp))
}

func TestShutdownEndsALongPollAndItIsAnswered(t *testing.T) {
	s := newStore()
	srv, _, c := serve(t, s)
	answered := begin(t, s, c)
	require.NoError(t, srv.Shutdown(t.Context()))
	requireSoon(t, s.ended, "the poll of a server that ends")
	require.NoError(t, <-answered)
}

func TestAPanicOfTheStoreEndsItsRequestOnly(t *testing.T) {
	_, _, c := serve(t, newStore())
	for _, method := range []string{server.MethodDo, server.MethodWait} {
		var resp kv.Response
		err := c.Call(t.Context(), method, &kv.Request{Op: kv.Get{Key: "panic"}}, &resp)
		require.ErrorIs(t, err, wire.ErrPanic)
		require.False(t, wire.Definite(err), "it may have been executed")
		require.NoError(t, c.Call(t.Context(), method, &kv.Request{Op: kv.Get{Key: "a"}}, &resp))
	}
}

func TestMalformedOffersAreRefused(t *testing.T) {
	var caps server.Caps
	whole := (&server.Caps{Caps: kv.Caps{Stage: 5, Level: kv.StrictSerializable, Has: kv.CapStat}}).AppendTo(nil)
	require.NoError(t, caps.DecodeFrom(whole))
	for i := range whole {
		require.Error(t, caps.DecodeFrom(whole[:i]))
	}
	for _, wrong := range []kv.Caps{{Stage: 6}, {Level: kv.StrictSerializable + 1}} {
		require.Error(t, caps.DecodeFrom((&server.Caps{Caps: wrong}).AppendTo(nil)))
	}
	require.Error(t, (&server.Nothing{}).DecodeFrom(whole))
	require.NoError(t, (&server.Nothing{}).DecodeFrom((&server.Nothing{}).AppendTo(nil)))
}

// requireSoon waits for a signal that a right server sends at once.
func requireSoon(t testing.TB, signal <-chan struct{}, what string) {
	t.Helper()
	select {
	case <-signal:
	case <-time.After(10 * time.Second):
		require.Fail(t, what+" never ended")
	}
}
