package replica

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"dss.example/common/cbor"
	"dss.example/common/machine"
	"dss.example/common/wire"

	"dss.example/p3-replication/bayou"
	"dss.example/p3-replication/bayou/proto"
)

// MethodMeet is the call of one who cannot reach a peer otherwise.
const MethodMeet = "Replica.Meet"

// maxCompany bounds the servers in a Company: those that were born, and those of a Config.
const maxCompany = 2 * bayou.MaxServers

// Meeting is what the caller says: its number, and where it listens. Number 0 only asks.
type Meeting struct {
	Node machine.Node
	Addr string // at most proto.MaxAddr bytes
}

// AppendTo appends the encoding of m.
func (m *Meeting) AppendTo(b []byte) []byte {
	return appendPeer(b, bayou.Peer{Node: m.Node, Addr: m.Addr})
}

// DecodeFrom is AppendTo backwards.
func (m *Meeting) DecodeFrom(b []byte) error {
	r := cbor.NewReader(b)
	p := readPeer(&r)
	m.Node, m.Addr = p.Node, p.Addr
	return r.Close()
}

// Company is the answer: the servers that are known to who was called, itself among them.
type Company struct{ Servers []bayou.Peer }

// AppendTo appends the encoding of c.
func (c *Company) AppendTo(b []byte) []byte {
	b = cbor.AppendArray(b, len(c.Servers))
	for _, p := range c.Servers {
		b = appendPeer(b, p)
	}
	return b
}

// DecodeFrom is AppendTo backwards.
func (c *Company) DecodeFrom(b []byte) error {
	r := cbor.NewReader(b)
	n := r.Array()
	if n > maxCompany {
		r.Fail("%d servers: at most %d", n, maxCompany)
	}
	c.Servers = nil
	for ; n > 0 && r.Err() == nil; n-- {
		p := readPeer(&r)
		if p.Node == 0 {
			r.Fail("a server of number 0")
		}
		c.Servers = append(c.Servers, p)
	}
	return r.Close()
}

func appendPeer(b []byte, p bayou.Peer) []byte {
	return cbor.AppendKey(cbor.AppendUint(cbor.AppendArray(b, 2), uint64(p.Node)), p.Addr)
}

func readPeer(r *cbor.Reader) bayou.Peer {
	r.Fixed(2)
	p := bayou.Peer{Node: machine.Node(r.Uint()), Addr: r.Key()}
	if len(p.Addr) > proto.MaxAddr {
		r.Fail("an address of %d bytes: at most %d", len(p.Addr), proto.MaxAddr)
	}
	return p
}

// Errors are those of MethodMeet that keep their identity (wire.ServerOptions.Errors).
func Errors() wire.Errors { return wire.Errors{0: ErrNoDatabase, 1: ErrTaken, 2: ErrGuests} }

// Register offers MethodMeet to a server, such as a wire.Server. The server must be the one
// that takes the peers' connections, and list Errors.
func (r *Replica) Register(s interface{ Register(string, any) error }) error {
	return s.Register("Replica", &reception{r})
}

// reception is what net/rpc dispatches to.
type reception struct{ r *Replica }

// Meet takes the caller for a peer, for a while, and tells it who is there. Errors:
// ErrNoDatabase, ErrTaken, ErrGuests.
func (h *reception) Meet(m *Meeting, c *Company) error {
	s := h.r.sight.Load()
	if m.Node != 0 {
		if err := h.r.roster.Meet(m.Node, m.Addr, h.r.cfg.Clock.Now()); err != nil {
			return err
		}
	}
	if !s.named {
		return ErrNoDatabase
	}
	own := bayou.Peer{Node: h.r.cfg.Self, Addr: h.r.cfg.Bayou.Addr}
	c.Servers = append(slices.Clip(s.peers[:min(len(s.peers), maxCompany-1)]), own)
	return nil
}

// greet calls a server.
func (c *Config) greet(ctx context.Context, addr string) ([]bayou.Peer, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Duration(callEvery))
	defer cancel()
	conn, err := wire.Dial(ctx, addr, wire.ClientOptions{Dial: c.Network.Dial, TLS: c.Network.TLS, Errors: Errors()})
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	var company Company
	err = conn.Call(ctx, MethodMeet, &Meeting{Node: c.Self, Addr: c.Bayou.Addr}, &company)
	if errors.Is(err, wire.ErrNoMethod) {
		err = fmt.Errorf("%w: want the address of one: %w", ErrStage, err)
	}
	return company.Servers, err
}

// introduce asks those of Join who is there, until one answers or there is no sense in waiting
// on, and adds those to the peers.
func (c *Config) introduce(ctx context.Context) error {
	if len(c.Join) == 0 {
		return nil
	}
	named, err := hasName(c)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, time.Duration(joinTime))
	defer cancel()
	var refused error // the last round of which ctx did not end
	for {
		servers, err := c.askAll(ctx)
		switch {
		case err == nil:
			c.add(servers)
			return nil
		case named:
			return nil // its own writes tell
		case errors.Is(err, ErrTaken), errors.Is(err, ErrStage):
			return err
		case ctx.Err() == nil || refused == nil:
			refused = fmt.Errorf("%w: %w", ErrNobody, err)
		}
		select {
		case <-ctx.Done():
			return refused
		case <-time.After(time.Duration(callEvery) / 4):
		}
	}
}

// hasName tells whether the log gives the server a name.
func hasName(c *Config) (named bool, err error) {
	p := Protocol(c.Bayou)
	err = c.Log.Replay(func(seq uint64, record []byte, damaged bool) error {
		if damaged {
			return nil // which the server judges
		}
		rec, err := p.Record(record)
		if err != nil {
			return fmt.Errorf("record %d: %w", seq, err)
		}
		switch rec.(type) {
		case proto.Named:
			named = true
		case proto.Forgot:
			named = false
		}
		return nil
	})
	if err != nil {
		return false, fmt.Errorf("load: %w", err)
	}
	return named, nil
}

// askAll asks those of Join, one after the other, who is there.
func (c *Config) askAll(ctx context.Context) ([]bayou.Peer, error) {
	var errs []error
	for _, addr := range c.Join {
		servers, err := c.greet(ctx, addr)
		if err == nil {
			return servers, nil
		}
		errs = append(errs, fmt.Errorf("%s: %w", addr, err))
	}
	return nil, errors.Join(errs...)
}

// add adds servers to the peers; those that are there stay as they are.
func (c *Config) add(servers []bayou.Peer) {
	byNode := func(a, b bayou.Peer) int { return cmp.Compare(a.Node, b.Node) }
	all := append(slices.Clone(c.Bayou.Peers), servers...)
	slices.SortStableFunc(all, byNode)
	all = slices.CompactFunc(all, func(a, b bayou.Peer) bool { return a.Node == b.Node })
	c.Bayou.Peers = slices.DeleteFunc(all, func(p bayou.Peer) bool { return p.Node == c.Self })
}

// call calls, again and again, the peers that have not answered in this life, or that no
// connection leads to: this replica may be a stranger to them, or not where they look for it.
func (r *Replica) call() {
	tick := time.NewTicker(time.Duration(callEvery))
	defer tick.Stop()
	known, said := map[string]bool{}, map[string]bool{}
	for {
		for _, addr := range r.missing(known) {
			_, err := r.cfg.greet(r.life, addr)
			known[addr] = err == nil
			r.complain(addr, err, said)
		}
		select {
		case <-r.life.Done():
			return
		case <-tick.C:
		}
	}
}

// complain logs why a call has failed: once what only a person can mend.
func (r *Replica) complain(addr string, err error, said map[string]bool) {
	what := ""
	switch {
	case err == nil:
		return
	case errors.Is(err, ErrTaken):
		what = "this replica is not where others look for it"
	case errors.Is(err, ErrStage):
		what = "a peer cannot be one"
	}
	if what == "" || said[what] {
		r.cfg.Logger.Debug("a server does not answer", "addr", addr, "err", err)
		return
	}
	said[what] = true
	r.cfg.Logger.Warn(what, "addr", addr, "err", err)
}

// missing returns the addresses to call.
func (r *Replica) missing(known map[string]bool) (addrs []string) {
	for _, p := range r.sight.Load().peers {
		if !known[p.Addr] || !r.roster.IsUp(p.Node) {
			addrs = append(addrs, p.Addr)
		}
	}
	return addrs
}
