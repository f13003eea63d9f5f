//go:build unix

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
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

// errDown is why a replica that does not run cannot be reached.
var errDown = errors.New("the replica does not run")

// replica is one place, whether a replica runs there or not. Everybody, clients and the
// others, reaches it through its front only; its own address is another in each life.
type replica struct {
	id      int
	dir     string // its disk
	front   *front
	process *demo.Process // nil: it does not run
	args    []string      // of its last start, beside those of all
	admin   string        // where it tells of itself over HTTP, in this life

	mu   sync.Mutex // guards addr, which the front's goroutines read
	addr string     // its own; empty: it does not run
}

// place makes room for a replica, whose links have faults at some rates.
func (s *stage) place(id int, rates faultproxy.Rates) (r *replica, err error) {
	r = &replica{id: id}
	if r.dir, err = s.TempDir(); err != nil {
		return nil, err
	}
	r.front, err = newFront(r.dial, s.seed+uint64(id*(places+1)), rates)
	return r, err
}

func (r *replica) dial(ctx context.Context) (net.Conn, error) {
	addr := r.own()
	if addr == "" {
		return nil, errDown
	}
	return wire.Connect(ctx, addr)
}

// own is the replica's own address, behind its front's back.
func (r *replica) own() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.addr
}

// lives takes note of a process, nil for none.
func (r *replica) lives(p *demo.Process) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.process, r.addr = p, ""
	if p != nil {
		r.addr = p.Addr()
	}
}

// start starts one of the first replicas, with more flags.
func (s *stage) start(ctx context.Context, id int, more ...string) error {
	var peers []string
	for _, n := range first {
		peers = append(peers, fmt.Sprintf("%d=%s", n, s.replicas[n].front.addr()))
	}
	return s.launch(ctx, id, append([]string{"-peers", strings.Join(peers, ",")}, more...)...)
}

// join starts a replica, on an empty disk, that wants to be taken up by those that run.
func (s *stage) join(ctx context.Context, id int) error {
	own := fmt.Sprintf("%d=%s", id, s.replicas[id].front.addr())
	return s.launch(ctx, id, "-peers", own, "-join", strings.Join(s.fronts(s.but(id)...), ","))
}

func (s *stage) launch(ctx context.Context, id int, args ...string) error {
	r := s.replicas[id]
	admin, err := freeAddress()
	if err != nil {
		return err
	}
	r.args, r.admin = args, admin
	own := append([]string{"-id", fmt.Sprint(id), "-data", r.dir, "-listen", "127.0.0.1:0", "-http", admin}, s.flags...)
	p, err := s.Start(ctx, s.kvd, append(own, args...)...)
	if err != nil {
		return err
	}
	r.lives(p)
	return nil
}

// freeAddress returns where nobody listens by now.
func freeAddress() (string, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return ln.Addr().String(), ln.Close()
}

// kill is kill -9.
func (s *stage) kill(id int) {
	p := s.replicas[id].process
	s.replicas[id].lives(nil) // first: its port may soon be another's
	p.Kill()
}

// restart starts a replica as it was started last.
func (s *stage) restart(ctx context.Context, id int) error {
	return s.launch(ctx, id, s.replicas[id].args...)
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
		addrs = append(addrs, s.replicas[id].front.addr())
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
	c, err := open(ctx, time.Second, s.replicas[id].own())
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
