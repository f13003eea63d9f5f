// Package client is the store of a server elsewhere: the session machine of package
// session over connections of package wire.
//
// A request goes from [Client.Do] into the session machine, out of it as a Call, and
// over the connection of the server that the machine chose; the reply comes back as a
// Return. Connections that break are dialled again, and the machine decides what is
// to be sent once more: this package only carries.
package client

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"dss.example/common/kv"
	"dss.example/common/machine"
	"dss.example/common/run"
	"dss.example/common/run/kvstore"
	"dss.example/common/run/recording"
	"dss.example/common/wire"

	"dss.example/p1-kvrpc/server"
	"dss.example/p1-kvrpc/session"
)

// Options tell whom to ask and how. A zero field means the default.
type Options struct {
	Addrs   []string       // of the servers, at least one: "HOST:PORT" or "unix:PATH"
	Session session.Config // how patiently; its Servers are set from Addrs
	Wire    wire.ClientOptions
	Clock   run.Clock
	Rand    func() uint64
	Record  *recording.Recorder // keeps what the session machine was told
}

// Client is a kv.Store. It is safe for concurrent use; all callers share a session
// and one connection to each server.
type Client struct {
	store  *kvstore.Store
	links  []*link
	cancel context.CancelFunc // ends the links
	done   chan struct{}      // closed when they have ended
}

// role is the servers' in the addresses that the session machine sends to; the node
// is the server's place in Options.Addrs, from 1.
const role = "kv"

// Open returns a Client when the first server has made it welcome. When ctx ends
// first, the error is kv.ErrUnavailable and says what the last server said.
func Open(ctx context.Context, o Options) (*Client, error) {
	if len(o.Addrs) == 0 {
		return nil, fmt.Errorf("%w: no server's address", kv.ErrInvalid)
	}
	life, cancel := context.WithCancel(context.Background())
	c := &Client{cancel: cancel, done: make(chan struct{})}
	o.Session.Servers = nil
	for i, addr := range o.Addrs {
		l := newLink(machine.Node(i+1), addr, o)
		c.links = append(c.links, l)
		o.Session.Servers = append(o.Session.Servers, session.Server{Addr: l.at, Name: addr})
	}
	self := machine.Addr{Node: machine.Node(len(o.Addrs) + 1), Role: "session"}
	core, err := session.NewMachine(self, o.Session)
	if err != nil {
		cancel()
		return nil, fmt.Errorf("%w: %w", kv.ErrInvalid, err)
	}
	owner, err := run.NewLock(run.Config{
		Self: self, Machine: core, Protocol: session.Protocol(), Setup: o.Session.AppendTo(nil),
		SendData: c.send, Help: c.help, Clock: o.Clock, Rand: o.Rand, Record: o.Record,
	})
	if err != nil {
		cancel()
		return nil, err
	}
	go c.keep(life, owner)
	caps, err := c.welcome(ctx)
	// The session machine numbers requests itself, so its callers cannot.
	caps.Has &^= kv.CapSessions
	c.store = kvstore.New(owner, caps)
	if err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// keep runs the links until the client is closed.
func (c *Client) keep(ctx context.Context, owner *run.Lock) {
	defer close(c.done)
	ended := make(chan struct{})
	for _, l := range c.links {
		go func() {
			l.run(ctx, owner)
			ended <- struct{}{}
		}()
	}
	for range c.links {
		<-ended
	}
}

// welcome waits for the first server that tells what it offers.
func (c *Client) welcome(ctx context.Context) (kv.Caps, error) {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		for _, l := range c.links {
			conn := l.conn.Load()
			if conn == nil {
				continue
			}
			caps, err := offers(ctx, conn)
			if err == nil {
				return caps, nil
			}
			l.failed(err)
		}
		select {
		case <-ctx.Done():
			return kv.Caps{}, fmt.Errorf("%w: no server answers: %w", kv.ErrUnavailable, cmp.Or(c.lastError(), ctx.Err()))
		case <-tick.C:
		}
	}
}

// offers asks a server what it offers, and not for long: the question or the answer
// may have been lost.
func offers(ctx context.Context, conn *wire.Client) (kv.Caps, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	var caps server.Caps
	err := conn.Call(ctx, server.MethodOffers, &server.Nothing{}, &caps)
	return caps.Caps, err
}

func (c *Client) lastError() error {
	for _, l := range c.links {
		if err := l.err.Load(); err != nil {
			return *err
		}
	}
	return nil
}

// send carries what the session machine sends. It must not wait.
func (c *Client) send(to machine.Addr, msg machine.Data) {
	call, ok := msg.(machine.Call)
	if i := int(to.Node) - 1; ok && i >= 0 && i < len(c.links) {
		c.links[i].send(call)
	}
}

// help reads the reply to a request that was just sent, if it comes soon.
func (c *Client) help(done <-chan struct{}) {
	for _, l := range c.links {
		if conn := l.conn.Load(); conn != nil && conn.Owed() > 0 {
			conn.Help(done)
			return
		}
	}
}

// farewell is how long Close waits for the server to end the session.
const farewell = 300 * time.Millisecond

// Do implements kv.Store. What is lent is the caller's: it was decoded for nobody else.
func (c *Client) Do(ctx context.Context, req *kv.Request) *kv.Response { return c.store.Lend(ctx, req) }

// Offers implements kv.Store: what the first server that answered promises, without
// sessions, which the Client uses itself.
func (c *Client) Offers() kv.Caps { return c.store.Offers() }

// Close ends the Client and its session at the server, if that still hears: else it
// expires there. Requests under way end as Maybe or Unavailable.
func (c *Client) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), farewell)
	defer cancel()
	c.store.Do(ctx, &kv.Request{Op: kv.CloseSession{}})
	c.cancel()
	<-c.done
	return c.store.Close()
}
