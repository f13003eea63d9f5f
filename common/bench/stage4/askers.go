package stage4

import (
	"context"
	"errors"
	"fmt"
	"net/rpc"
	"slices"
	"strings"
	"time"

	"dss.example/common/kv"
	"dss.example/common/wire"

	"dss.example/p1-kvrpc/server"
)

// asker is a client of one member of a group. Its methods may be called by many at a time.
type asker interface {
	// Ask has a command of 100 bytes committed, and returns nil only if it was.
	Ask(ctx context.Context) error
	// Leader tells which member this is, and which one it believes to lead; 0: none.
	Leader(ctx context.Context) (self, leader uint64, err error)
	Close() error
}

// dialAll dials all members of a group as soon as they listen. What it has dialled is
// returned with an error too.
func dialAll(addrs []string, dial func(addr string) (asker, error)) (all []asker, err error) {
	for _, addr := range addrs {
		var a asker
		var refused error
		late := await(func() bool {
			a, refused = dial(addr)
			return refused == nil
		})
		if late != nil {
			return all, refused
		}
		all = append(all, a)
	}
	return all, nil
}

func closeAll(all []asker) error {
	var err error
	for _, a := range all {
		err = errors.Join(err, a.Close())
	}
	return err
}

// settle waits until all members follow the same leader and it gets a command committed.
// It returns the leader's place among them.
func settle(all []asker) (leader int, err error) {
	err = await(func() bool {
		leader = leaderAmong(all)
		return leader >= 0 && within(commitWithin, all[leader].Ask) == nil
	})
	return leader, err
}

// leaderAmong returns the place of the leader whom all name, or -1.
func leaderAmong(all []asker) int {
	place, named := -1, uint64(0)
	for i, a := range all {
		var self, leader uint64
		err := within(commitWithin, func(ctx context.Context) (err error) {
			self, leader, err = a.Leader(ctx)
			return err
		})
		if err != nil || leader == 0 || i > 0 && leader != named {
			return -1
		}
		named = leader
		if self == leader {
			place = i
		}
	}
	return place
}

// leaderFirst puts the address of the server of ours that leads before the others, if they
// tell: etcd's clients ask the leader too.
func leaderFirst(addrs []string) []string {
	var all []asker
	defer func() { _ = closeAll(all) }() // they were only asked who leads
	for _, addr := range addrs {
		a, err := dialKvd(addr)
		if err != nil {
			return addrs
		}
		all = append(all, a)
	}
	leader := leaderAmong(all)
	if leader < 0 {
		return addrs
	}
	return slices.Concat(addrs[leader:leader+1], addrs[:leader], addrs[leader+1:])
}

func within(d time.Duration, do func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	defer cancel()
	return do(ctx)
}

// kvdAsker asks a server of ours, without a session.
type kvdAsker struct{ *wire.Client }

func dialKvd(addr string) (asker, error) {
	var conn *wire.Client
	err := within(leaderWithin, func(ctx context.Context) (err error) {
		conn, err = wire.Dial(ctx, addr, wire.ClientOptions{})
		return err
	})
	if err != nil {
		return nil, err
	}
	return kvdAsker{conn}, nil
}

func (a kvdAsker) do(ctx context.Context, op kv.Op) (*kv.Response, error) {
	var resp kv.Response
	if err := a.Call(ctx, server.MethodDo, &kv.Request{Op: op}, &resp); err != nil {
		return nil, err
	}
	return &resp, resp.Err()
}

// Ask implements asker.
func (a kvdAsker) Ask(ctx context.Context) error {
	_, err := a.do(ctx, kv.Put{Key: "k", Value: []byte(strings.Repeat("v", commandBytes))})
	return err
}

// Leader implements asker.
func (a kvdAsker) Leader(ctx context.Context) (self, leader uint64, err error) {
	resp, err := a.do(ctx, kv.Inspect{})
	if err != nil {
		return 0, 0, err
	}
	r, ok := resp.Result.(kv.Replica)
	if !ok {
		return 0, 0, fmt.Errorf("%w: a %T", kv.ErrBadResponse, resp.Result)
	}
	return uint64(r.ID), uint64(r.Leader), nil
}

// doorAsker asks a node of a library through its Door.
type doorAsker struct{ *rpc.Client }

func dialDoor(addr string) (asker, error) {
	c, err := rpc.Dial("tcp", addr)
	return doorAsker{c}, err
}

func (a doorAsker) call(ctx context.Context, method string, args, reply any) error {
	call := a.Go(method, args, reply, make(chan *rpc.Call, 1))
	select {
	case <-call.Done:
		return call.Error
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Ask implements asker.
func (a doorAsker) Ask(ctx context.Context) error {
	return a.call(ctx, "Group.Put", make([]byte, commandBytes), new(struct{}))
}

// Leader implements asker.
func (a doorAsker) Leader(ctx context.Context) (self, leader uint64, err error) {
	var who Who
	if err := a.call(ctx, "Group.Who", struct{}{}, &who); err != nil {
		return 0, 0, err
	}
	return who.Self, who.Leader, nil
}
