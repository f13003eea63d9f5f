//go:build unix

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	"dss.example/common/demo"
	"dss.example/common/faultproxy"
	"dss.example/common/kv"
	"dss.example/common/machine"
	"dss.example/common/wire"

	"dss.example/p1-kvrpc/client"
	"dss.example/p1-kvrpc/session"
)

// first are the replicas that form the group.
var first = [...]int{1, 2, 3}

// late bounds the wait for something that must happen.
const late = 30 * time.Second

// replica is where one is, whether it runs or not. Everybody, clients and the others,
// reaches it through a proxy only.
type replica struct {
	id      int
	dir     string // its disk
	listen  string // its own address
	front   string // the proxy's
	proxy   *faultproxy.Proxy
	process *demo.Process // nil: it does not run
}

// place makes room for a replica.
func (s *stage) place(id int) (*replica, error) {
	r := &replica{id: id}
	dir, err := s.TempDir()
	if err != nil {
		return nil, err
	}
	front, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	if r.listen, err = freeAddress(); err != nil {
		return nil, errors.Join(err, front.Close())
	}
	r.dir, r.front = dir, front.Addr().String()
	r.proxy = faultproxy.New(faultproxy.Config{
		Listen: front, Seed: seed + uint64(id),
		Dial: func(ctx context.Context) (net.Conn, error) { return wire.Connect(ctx, r.listen) },
	})
	go func() { _ = r.proxy.Serve() }() // it ends with Close; its listener's failure shows as nobody who connects
	return r, nil
}

func (r *replica) close() {
	_ = r.proxy.Close() // closing a listener tells nothing
}

// freeAddress returns where nobody listens: a replica that is started again must be where
// it was.
func freeAddress() (string, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer ln.Close()
	return ln.Addr().String(), nil
}

// start starts one of the first replicas, with more flags.
func (s *stage) start(ctx context.Context, id int, more ...string) error {
	var peers []string
	for _, n := range first {
		peers = append(peers, fmt.Sprintf("%d=%s", n, s.replicas[n].front))
	}
	return s.launch(ctx, id, append([]string{"-peers", strings.Join(peers, ",")}, more...)...)
}

func (s *stage) launch(ctx context.Context, id int, more ...string) (err error) {
	r := s.replicas[id]
	args := append([]string{"-id", fmt.Sprint(id), "-data", r.dir, "-listen", r.listen}, more...)
	r.process, err = s.Start(ctx, s.kvd, args...)
	return err
}

// kill is kill -9.
func (s *stage) kill(id int) {
	s.replicas[id].process.Kill()
	s.replicas[id].process = nil
}

// wipeDisk makes a disk empty.
func (s *stage) wipeDisk(id int) (err error) {
	if err := os.RemoveAll(s.replicas[id].dir); err != nil {
		return err
	}
	s.replicas[id].dir, err = s.TempDir()
	return err
}

// running returns which replicas run.
func (s *stage) running() (ids []int) {
	for id := 1; id <= len(s.replicas); id++ {
		if r := s.replicas[id]; r != nil && r.process != nil {
			ids = append(ids, id)
		}
	}
	return ids
}

// but returns which replicas run that are not id.
func (s *stage) but(id int) (others []int) {
	for _, n := range s.running() {
		if n != id {
			others = append(others, n)
		}
	}
	return others
}

// fronts are the addresses of some replicas.
func (s *stage) fronts(ids ...int) (addrs []string) {
	for _, id := range ids {
		addrs = append(addrs, s.replicas[id].front)
	}
	return addrs
}

// open returns a client of the servers at some addresses, which tries for a while.
func open(ctx context.Context, timeout time.Duration, addrs ...string) (*client.Client, error) {
	ctx, cancel := context.WithTimeout(ctx, late)
	defer cancel()
	return client.Open(ctx, client.Options{Addrs: addrs, Session: session.Config{
		Timeout: machine.Time(timeout), Attempt: machine.Second, Backoff: 2 * machine.Millisecond, MaxDelay: 50 * machine.Millisecond,
		Retries: 10_000, TTL: machine.Time(kv.MaxTTL),
	}})
}

// inspect asks a replica about itself.
func (s *stage) inspect(ctx context.Context, id int) (kv.Replica, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	c, err := open(ctx, time.Second, s.replicas[id].listen)
	if err != nil {
		return kv.Replica{}, err
	}
	defer c.Close()
	return kv.NewClient(c).Inspect(ctx)
}

// leader waits until one of the replicas that run leads.
func (s *stage) leader(ctx context.Context) (leader int, err error) {
	err = s.await(ctx, "nobody leads", func() bool {
		for _, id := range s.running() {
			if r, err := s.inspect(ctx, id); err == nil && r.Role == kv.Leader {
				leader = id
				return true
			}
		}
		return false
	})
	return leader, err
}

// catchUp waits until a replica has a vote and has executed what the leader has by now.
func (s *stage) catchUp(ctx context.Context, id int) error {
	leader, err := s.leader(ctx)
	if err != nil {
		return err
	}
	want, err := s.inspect(ctx, leader)
	if err != nil {
		return err
	}
	return s.await(ctx, fmt.Sprintf("replica %d does not catch up", id), func() bool {
		r, err := s.inspect(ctx, id)
		return err == nil && r.Commit >= want.Commit && (r.Role == kv.Follower || r.Role == kv.Leader)
	})
}

// await waits until something holds; the error says what would be wrong if it never did.
func (s *stage) await(ctx context.Context, wrong string, holds func() bool) error {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(late); !holds(); {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
		if time.Now().After(end) {
			return fmt.Errorf("%s, not in %v", wrong, late)
		}
	}
	return nil
}
