//go:build unix

package group

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	"dss.example/common/demo"
	"dss.example/common/faultproxy"
	"dss.example/common/wire"
)

// MaxSize bounds the replicas of a Group.
const MaxSize = 9

// Late bounds the wait for something that must happen.
const Late = 60 * time.Second

// errDown is why a replica that does not run cannot be reached.
var errDown = errors.New("the replica does not run")

// Options say what the replicas of a Group are.
type Options struct {
	Program string                // a kvd that takes -id, -peers, -data, -listen and -http
	Size    int                   // 1 to MaxSize: the replicas are 1 to Size
	Flags   func(id int) []string // besides; nil: none

	// Rates are of faults that befall frames between replicas; what befalls is drawn from Seed.
	Rates faultproxy.Rates
	Seed  uint64
}

// Group is replicas that know of each other. Its methods are for one goroutine at a time.
type Group struct {
	show     *demo.Show
	options  Options
	replicas []*replica // replica 1 first
}

// replica is one place, whether a replica runs there or not. Everybody reaches it through its
// front only; its own address is another in each life.
type replica struct {
	id      int
	dir     string // its disk
	front   *front
	process *demo.Process // nil: it does not run
	admin   string        // where it tells of itself over HTTP, in this life

	mu   sync.Mutex // guards addr, which the front's goroutines read
	addr string     // its own; empty: it does not run
}

// New makes room for replicas. None of them runs yet.
func New(show *demo.Show, o Options) (*Group, error) {
	if o.Size < 1 || o.Size > MaxSize {
		return nil, fmt.Errorf("a group of %d: want 1 to %d", o.Size, MaxSize)
	}
	g := &Group{show: show, options: o}
	for id := 1; id <= o.Size; id++ {
		r, err := g.place(id)
		if err != nil {
			g.Close()
			return nil, err
		}
		g.replicas = append(g.replicas, r)
	}
	return g, nil
}

func (g *Group) place(id int) (r *replica, err error) {
	r = &replica{id: id}
	if r.dir, err = g.show.TempDir(); err != nil {
		return nil, err
	}
	r.front, err = newFront(r.dial, g.options.Size, g.options.Seed+uint64(id*(MaxSize+1)), g.options.Rates)
	return r, err
}

func (r *replica) dial(ctx context.Context) (net.Conn, error) {
	addr := r.own()
	if addr == "" {
		return nil, errDown
	}
	return wire.Connect(ctx, addr)
}

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

// Start starts a replica on the disk that it had, if it had one, and waits until it serves.
func (g *Group) Start(ctx context.Context, id int) error {
	r := g.at(id)
	admin, err := freeAddress()
	if err != nil {
		return err
	}
	r.admin = admin
	args := []string{"-id", fmt.Sprint(id), "-peers", g.peers(), "-data", r.dir, "-listen", "127.0.0.1:0", "-http", admin}
	if g.options.Flags != nil {
		args = append(args, g.options.Flags(id)...)
	}
	p, err := g.show.Start(ctx, g.options.Program, args...)
	if err != nil {
		return err
	}
	r.lives(p)
	return nil
}

// StartAll starts all replicas, which may need each other before they serve.
func (g *Group) StartAll(ctx context.Context) error {
	for id := 1; id <= g.options.Size; id++ {
		if err := g.Start(ctx, id); err != nil {
			return err
		}
	}
	return nil
}

func (g *Group) at(id int) *replica { return g.replicas[id-1] }

// peers is what -peers says.
func (g *Group) peers() string {
	var all []string
	for _, r := range g.replicas {
		all = append(all, fmt.Sprintf("%d=%s", r.id, r.front.addr()))
	}
	return strings.Join(all, ",")
}

// freeAddress returns where nobody listens by now.
func freeAddress() (string, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return ln.Addr().String(), ln.Close()
}

// Kill is kill -9 of a replica. It waits for the end.
func (g *Group) Kill(id int) {
	r := g.at(id)
	p := r.process
	r.lives(nil) // first: its port may soon be another's
	if p != nil {
		p.Kill()
	}
}

// Pause stops a replica from running, by SIGSTOP, until Resume. It must run.
func (g *Group) Pause(id int) { g.at(id).process.Pause() }

// Resume lets a replica go on after Pause.
func (g *Group) Resume(id int) { g.at(id).process.Resume() }

// Stop asks a replica to end, as SIGTERM does. Its error is demo.Process.Stop's.
func (g *Group) Stop(ctx context.Context, id int) error {
	r := g.at(id)
	if r.process == nil {
		return nil
	}
	err := r.process.Stop(ctx)
	r.lives(nil)
	return err
}

// Addrs returns where clients reach some replicas, through all their lives.
func (g *Group) Addrs(ids ...int) []string {
	var addrs []string
	for _, id := range ids {
		addrs = append(addrs, g.at(id).front.addr())
	}
	return addrs
}

// Admin returns where a replica tells of itself over HTTP, in its present life.
func (g *Group) Admin(id int) string { return g.at(id).admin }

// All returns the numbers of all replicas.
func (g *Group) All() []int {
	ids := make([]int, g.options.Size)
	for i := range ids {
		ids[i] = i + 1
	}
	return ids
}

// Cut lets nothing pass between some replicas and the others for d, or until Heal. As with TCP
// nothing is lost: it arrives afterwards. Clients reach all.
func (g *Group) Cut(d time.Duration, side ...int) {
	within := map[int]bool{}
	for _, id := range side {
		within[id] = true
	}
	for _, to := range g.replicas {
		for _, from := range g.replicas {
			if within[to.id] != within[from.id] {
				to.front.cut(d, from.id)
			}
		}
	}
}

// Heal ends cuts and all faults, for good; cuts that come after it last as long as they are told.
func (g *Group) Heal() {
	for _, r := range g.replicas {
		r.front.heal()
	}
}

// Faults counts what befell frames, and as partitions the links that were cut.
func (g *Group) Faults() (s faultproxy.Stats) {
	for _, r := range g.replicas {
		s = s.Plus(r.front.faults())
	}
	return s
}

// Close ends the fronts, so that nobody is reached any more. The processes are the Show's.
func (g *Group) Close() {
	for _, r := range g.replicas {
		r.front.close()
	}
}

// Await looks every few milliseconds until something holds, for Late at most; the error says
// what is wrong if it never does.
func Await(ctx context.Context, wrong string, holds func() bool) error {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(Late); !holds(); {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
		if time.Now().After(end) {
			return fmt.Errorf("%s, not in %v", wrong, Late)
		}
	}
	return nil
}
