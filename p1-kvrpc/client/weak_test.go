package client_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"dss.example/common/kv"
	"dss.example/common/machine"
	"dss.example/common/wire"
	"dss.example/common/wire/memnet"

	"dss.example/p1-kvrpc/client"
	"dss.example/p1-kvrpc/server"
	"dss.example/p1-kvrpc/session"
)

// weak is a store that offers no sessions. It serves only who has seen no more than it has,
// which tokens tell as numbers, and sends the others elsewhere.
type weak struct {
	elsewhere string

	mu     sync.Mutex // protects following
	has    int
	late   int // after so many refusals it has what was asked for
	writes []kv.Op
}

func (w *weak) Offers() kv.Caps { return kv.Caps{Stage: 3, Level: kv.Session, Has: kv.CapTentative} }

func (w *weak) Do(_ context.Context, req *kv.Request) *kv.Response {
	w.mu.Lock()
	defer w.mu.Unlock()
	seen := 0
	_, _ = fmt.Sscan(string(req.Token), &seen) // none: nothing
	switch {
	case req.Session != 0 || kv.OpName(req.Op) == "open-session":
		return kv.Refuse(kv.Unsupported, "sessions")
	case seen > w.has:
		if w.late--; w.late == 0 {
			w.has = seen
		}
		no := kv.Refuse(kv.Unsatisfied, "%d is not known here", seen)
		no.Try = w.elsewhere
		return no
	}
	resp := &kv.Response{Status: kv.NotFound}
	if !kv.ReadOnly(req.Op) {
		resp.Status = kv.OK
		w.writes = append(w.writes, req.Op)
		w.has++
	}
	resp.Token = fmt.Append(nil, max(seen, w.has))
	return resp
}

// openWeak serves stores under their names on one network, and returns a client that knows
// those of them that are named.
func openWeak(t testing.TB, stores map[string]*weak) func(names ...string) *kv.Client {
	network := &memnet.Network{}
	for name, store := range stores {
		ln, err := network.Listen(name)
		require.NoError(t, err)
		srv := server.New(store, false, wire.ServerOptions{})
		served := make(chan error, 1)
		go func() { served <- srv.Serve(ln) }()
		t.Cleanup(func() {
			require.NoError(t, srv.Close())
			require.NoError(t, <-served)
		})
	}
	return func(names ...string) *kv.Client {
		c, err := client.Open(t.Context(), client.Options{
			Addrs: names, Wire: wire.ClientOptions{Dial: network.Dial},
			Session: session.Config{Backoff: machine.Millisecond, MaxDelay: machine.Millisecond, Retries: 10_000, Burst: 1 << 20},
		})
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, c.Close()) })
		require.Equal(t, kv.Caps{Stage: 3, Level: kv.Session, Has: kv.CapTentative}, c.Offers())
		return kv.NewClient(c)
	}
}

func TestAStoreWithoutSessionsIsServedBySendingWritesOnce(t *testing.T) {
	store := &weak{}
	c := openWeak(t, map[string]*weak{"one": store})("one")
	var want []kv.Op
	for i := range 10 {
		_, err := c.Put(t.Context(), fmt.Sprint(i), nil)
		require.NoError(t, err)
		want = append(want, kv.Put{Key: fmt.Sprint(i)})
	}
	require.Equal(t, want, store.writes)
	require.Equal(t, []byte("10"), c.Token())
}

func TestWhoHasSeenMoreIsSentToAServerThatHasItToo(t *testing.T) {
	one, two := &weak{elsewhere: "two"}, &weak{elsewhere: "one"}
	open := openWeak(t, map[string]*weak{"one": one, "two": two})
	writer := open("two")
	_, err := writer.Put(t.Context(), "k", nil)
	require.NoError(t, err)
	c := open("one", "two")
	c.Resume(writer.Token())
	_, err = c.Get(t.Context(), "k")
	require.ErrorIs(t, err, kv.ErrNotFound, "an answer, of the second")
	_, err = c.Put(t.Context(), "k", nil)
	require.NoError(t, err)
	require.Equal(t, []int{0, 2}, []int{len(one.writes), len(two.writes)})
}

func TestWhatASessionHasSeenIsWaitedFor(t *testing.T) {
	one := &weak{elsewhere: "not known to the client", late: 5}
	c := openWeak(t, map[string]*weak{"one": one})("one")
	c.Resume([]byte("3"))
	_, err := c.Get(t.Context(), "k")
	require.ErrorIs(t, err, kv.ErrNotFound)
	require.Equal(t, 3, one.has)
}
