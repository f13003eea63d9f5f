package stage3

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"dss.example/common/kv"
	"dss.example/common/machine"
	"dss.example/common/run/kvstore"
	"dss.example/common/stable"
	"dss.example/common/wire"

	"dss.example/p3-replication/bayou"
	"dss.example/p3-replication/programs"
	"dss.example/p3-replication/replica"

	"dss.example/common/bench/harness"
)

// sites are replicas of ours, of which the first one founds the database.
type sites struct {
	addrs []string
	logs  []stable.Log
	all   []*site // nil: it does not run
}

// site is a replica that runs, behind the server that takes its peers' connections.
type site struct {
	*replica.Replica
	server *wire.Server
	served chan error
}

// life is how replicas run until they are stopped.
type life struct {
	dial func(ctx context.Context, from, to string) (net.Conn, error) // nil: as they do
	tune func(*bayou.Config)                                          // nil: nothing
}

const (
	namedWithin = 30 * time.Second // until every replica was born, on a busy machine
	seenWithin  = 60 * time.Second // until a write is seen
)

// born makes replicas on logs that are empty, has each be born, and stops all.
func born(logs []stable.Log) (_ *sites, err error) {
	s := &sites{logs: logs, all: make([]*site, len(logs))}
	if s.addrs, err = harness.FreeAddrs(len(logs)); err != nil {
		return nil, err
	}
	err = s.start(life{}, s.each()...)
	if err == nil {
		err = s.named()
	}
	return s, errors.Join(err, s.Close())
}

// each is all places.
func (s *sites) each() (all []int) {
	for i := range s.all {
		all = append(all, i)
	}
	return all
}

// start starts some replicas.
func (s *sites) start(l life, which ...int) error {
	for _, i := range which {
		if err := s.startOne(i, l); err != nil {
			return errors.Join(err, s.Close())
		}
	}
	return nil
}

func (s *sites) startOne(i int, l life) error {
	r, err := replica.Start(context.Background(), s.config(i, l))
	if err != nil {
		return err
	}
	ln, err := net.Listen("tcp", s.addrs[i])
	if err != nil {
		return errors.Join(err, r.Stop(context.Background()))
	}
	one := &site{
		Replica: r, server: wire.NewServer(wire.ServerOptions{Peers: r.Peers(), Errors: replica.Errors()}),
		served: make(chan error, 1),
	}
	if err := r.Register(one.server); err != nil {
		return errors.Join(err, ln.Close(), r.Stop(context.Background()))
	}
	go func() { one.served <- one.server.Serve(ln) }()
	s.all[i] = one
	return nil
}

// config is that of kvd, but for what the package comment tells.
func (s *sites) config(i int, l life) replica.Config {
	c := bayou.Config{Found: i == 0, Addr: s.addrs[i], Programs: programs.New, Retain: 1 << 20, Patience: machine.Time(seenWithin)}
	for k, addr := range s.addrs {
		if k != i {
			c.Peers = append(c.Peers, bayou.Peer{Node: machine.Node(k + 1), Addr: addr})
		}
	}
	if l.tune != nil {
		l.tune(&c)
	}
	cfg := replica.Config{Self: machine.Node(i + 1), Log: s.logs[i], Bayou: c}
	if l.dial != nil {
		cfg.Network.Dial = func(ctx context.Context, to string) (net.Conn, error) { return l.dial(ctx, s.addrs[i], to) }
	}
	return cfg
}

// named waits until all have a name.
func (s *sites) named() error {
	ctx, cancel := context.WithTimeout(context.Background(), namedWithin)
	defer cancel()
	for i, one := range s.all {
		if _, err := one.Await(ctx, func(bayou.Report) bool { return one.Ready() == nil }); err != nil {
			return fmt.Errorf("replica %d has no name: %w", i+1, err)
		}
	}
	return nil
}

// Close stops the replicas that run. They can be started again.
func (s *sites) Close() error {
	var errs []error
	for i, one := range s.all {
		if one != nil {
			errs = append(errs, one.Stop(context.Background()), one.server.Close(), <-one.served)
			s.all[i] = nil
		}
	}
	return errors.Join(errs...)
}

// client is a new caller, in a session.
func (s *site) client() *kv.Client {
	return kv.NewClient(kvstore.New(s.Replica, replica.Offers())).With(kv.Session)
}

// sees returns when a replica shows all that a session has written.
func (s *site) sees(token []byte) error {
	ctx, cancel := context.WithTimeout(context.Background(), seenWithin)
	defer cancel()
	c := s.client()
	c.Resume(token)
	_, err := c.Get(ctx, "no such key")
	if errors.Is(err, kv.ErrNotFound) {
		return nil
	}
	return err
}

// cut is a network in which nobody is reached.
func cut(context.Context, string, string) (net.Conn, error) { return nil, errCut }

var errCut = errors.New("cut off")

// closed is a network in which whoever dials waits until it opens.
func closed(opens <-chan struct{}) func(ctx context.Context, from, to string) (net.Conn, error) {
	return func(ctx context.Context, _, to string) (net.Conn, error) {
		select {
		case <-opens:
			return wire.Connect(ctx, to)
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// silent has a replica tell nobody of anything by itself.
func silent(c *bayou.Config) { c.Eager, c.Interval = -1, 1000*3600*machine.Second }
