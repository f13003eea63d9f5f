package rsm

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"dss.example/common/cbor"
	"dss.example/common/machine"
	"dss.example/common/wire"

	"dss.example/p4-consensus/paxos/proto"
)

// MethodMeet is the call of a newcomer.
const MethodMeet = "Group.Meet"

// Meeting is what a newcomer says: its number, and where it listens. Number 0 only asks.
type Meeting struct {
	Node machine.Node
	Addr string // at most proto.MaxAddr bytes
}

// AppendTo appends the encoding of m.
func (m *Meeting) AppendTo(b []byte) []byte {
	return cbor.AppendKey(proto.AppendNumbers(b, uint64(m.Node)), m.Addr)
}

// DecodeFrom is AppendTo backwards.
func (m *Meeting) DecodeFrom(b []byte) error {
	r := proto.NewReader(b)
	m.Node, m.Addr = machine.Node(r.Uint()), r.Addr()
	return r.Close()
}

// Company is the answer: the newest group.
type Company struct{ proto.Group }

// AppendTo appends the encoding of c.
func (c *Company) AppendTo(b []byte) []byte { return proto.AppendGroup(b, &c.Group) }

// DecodeFrom is AppendTo backwards.
func (c *Company) DecodeFrom(b []byte) error {
	r := proto.NewReader(b)
	c.Group = r.Group()
	return r.Close()
}

// Errors are those of MethodMeet that keep their identity (wire.ServerOptions.Errors).
func Errors() wire.Errors { return wire.Errors{0: ErrNoGroup, 1: ErrTaken, 2: ErrGuests} }

// Register offers to a server, such as a wire.Server, the call that newcomers make. The
// server must be the one that takes the peers' connections, and list Errors.
func (r *Replica) Register(s interface{ Register(string, any) error }) error {
	return s.Register("Group", &reception{r})
}

// reception is what net/rpc dispatches to.
type reception struct{ r *Replica }

// Meet takes a newcomer for a peer and tells it the group. Errors: ErrNoGroup, ErrTaken,
// ErrGuests.
func (h *reception) Meet(m *Meeting, c *Company) error {
	g := h.r.Report().Group
	if g.Version == 0 {
		return ErrNoGroup
	}
	c.Group = g
	if m.Node == 0 {
		return nil
	}
	return h.r.roster.Meet(m.Node, m.Addr, h.r.cfg.Clock.Now())
}

// greet calls a member.
func greet(ctx context.Context, c *Config, addr string) (proto.Group, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Duration(callEvery))
	defer cancel()
	conn, err := wire.Dial(ctx, addr, wire.ClientOptions{Dial: c.Network.Dial, TLS: c.Network.TLS, Errors: Errors()})
	if err != nil {
		return proto.Group{}, err
	}
	defer conn.Close()
	var company Company
	err = conn.Call(ctx, MethodMeet, &Meeting{Node: c.Self, Addr: c.Paxos.Addr}, &company)
	return company.Group, err
}

// introduce asks members who the group is, until one answers or knows better.
func introduce(ctx context.Context, c *Config) ([]proto.Member, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Duration(joinTime))
	defer cancel()
	var refused error // the last round of which ctx did not end
	for {
		members, err := askAll(ctx, c)
		switch {
		case err == nil:
			return members, nil
		case errors.Is(err, ErrTaken):
			return nil, err
		case ctx.Err() == nil || refused == nil:
			refused = fmt.Errorf("%w: %w", ErrNoMember, err)
		}
		if c.Log.Next() > 1 {
			return nil, refused // it may know by itself
		}
		select {
		case <-ctx.Done():
			return nil, refused
		case <-time.After(time.Duration(callEvery) / 4):
		}
	}
}

// askAll asks one member after the other.
func askAll(ctx context.Context, c *Config) ([]proto.Member, error) {
	var errs []error
	for _, addr := range c.Join {
		g, err := greet(ctx, c, addr)
		if err == nil {
			return g.Members, nil
		}
		errs = append(errs, fmt.Errorf("%s: %w", addr, err))
	}
	return nil, errors.Join(errs...)
}

// call calls all members again and again until this replica votes.
func (r *Replica) call() {
	tick := time.NewTicker(time.Duration(callEvery))
	defer tick.Stop()
	for {
		if role := r.Report().Role; role != roleJoining && role != roleForming {
			return
		}
		for _, addr := range slices.Compact(slices.Sorted(slices.Values(append(r.roster.Addrs(), r.cfg.Join...)))) {
			if _, err := greet(r.life, &r.cfg, addr); err != nil {
				r.cfg.Logger.Debug("a member does not answer", "addr", addr, "err", err)
			}
		}
		select {
		case <-r.life.Done():
			return
		case <-tick.C:
		}
	}
}
