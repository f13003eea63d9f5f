package faultproxy

import (
	"cmp"
	"context"
	"net"
	"sync"
	"time"
)

// Config says what a Proxy stands between and how it harms. Listen and Dial are
// needed; any other zero field means the default.
type Config struct {
	// Listen accepts the clients. The Proxy owns it and closes it.
	Listen net.Listener
	// Dial connects to the server. It must return when its context ends.
	Dial func(ctx context.Context) (net.Conn, error)

	Seed        uint64
	Rates       Rates
	Times       Times
	Connections int // served at a time; more are closed at once. Default 1024
}

// Proxy is a network between clients and one server. Its methods are safe for
// concurrent use.
type Proxy struct {
	cfg   Config
	ctx   context.Context // ends with Close
	stop  context.CancelFunc
	count counters

	running sync.WaitGroup // links, and requests on connections of their own
	strays  chan struct{}  // holds a token for each of those requests

	mu       sync.Mutex // guards what follows
	closed   bool
	healed   bool
	healing  chan struct{} // closed when healed is set
	cutUntil time.Time     // end of the partition
	moved    chan struct{} // closed when cutUntil has been moved
	refuse   time.Time     // end of the refusing
	accepted uint64        // connections so far
	links    map[*link]struct{}
	conns    map[net.Conn]struct{} // of strays
}

// New returns a Proxy that harms nothing before Serve runs.
func New(c Config) *Proxy {
	c.Times = c.Times.withDefaults()
	c.Connections = cmp.Or(c.Connections, 1024)
	p := &Proxy{
		cfg: c, strays: make(chan struct{}, maxStrays), links: make(map[*link]struct{}), conns: make(map[net.Conn]struct{}),
		healing: make(chan struct{}), moved: make(chan struct{}),
	}
	p.ctx, p.stop = context.WithCancel(context.Background())
	return p
}

// Serve accepts clients until Close, and then returns nil, or until the listener
// fails. Call it once.
func (p *Proxy) Serve() error {
	for {
		conn, err := p.cfg.Listen.Accept()
		if err != nil {
			if p.ctx.Err() != nil {
				return nil
			}
			return err
		}
		p.accept(conn)
	}
}

func (p *Proxy) accept(conn net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	number := p.accepted
	p.accepted++
	f := p.cfg.draw(number, accepting, 0)
	switch now := time.Now(); {
	case p.closed:
		reset(conn)
		return
	case p.healed:
	case f.harm == Refuse && !now.Before(p.refuse):
		p.refuse = now.Add(p.cfg.Times.outage(f.y))
		fallthrough
	case now.Before(p.refuse):
		p.count.faults[Refuse].Add(1)
		reset(conn)
		return
	}
	if len(p.links) >= p.cfg.Connections {
		p.count.overflow.Add(1)
		reset(conn)
		return
	}
	p.count.connections.Add(1)
	l := newLink(p, conn, number)
	p.links[l] = struct{}{}
	p.running.Go(l.serve)
}

// reset closes a connection abruptly, as far as it can be.
func reset(conn net.Conn) {
	if c, ok := conn.(interface{ SetLinger(seconds int) error }); ok {
		c.SetLinger(0)
	}
	conn.Close()
}

func (p *Proxy) forget(l *link) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.links, l)
}

// Heal makes the Proxy harmless from now on. What was delayed, held back or behind
// a partition arrives at once; copies that have not arrived never will; connections
// that were silenced are cut, because what they have swallowed is lost. It does
// not bring back what was dropped.
func (p *Proxy) Heal() {
	p.mu.Lock()
	if p.healed {
		p.mu.Unlock()
		return
	}
	p.healed = true
	close(p.healing)
	p.moveLocked(time.Time{})
	var silenced []*link
	for l := range p.links {
		if l.isSilenced() {
			silenced = append(silenced, l)
		}
	}
	p.mu.Unlock()
	for _, l := range silenced {
		l.cut()
	}
}

// Partition lets nothing pass for d from now on, in any connection; new ones are
// accepted and wait. It never shortens a partition that lasts longer, works after
// Heal too, and is counted.
func (p *Proxy) Partition(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.count.faults[Partition].Add(1)
	p.partitionLocked(d)
}

func (p *Proxy) partitionLocked(d time.Duration) {
	if until := time.Now().Add(d); until.After(p.cutUntil) {
		p.moveLocked(until)
	}
}

func (p *Proxy) moveLocked(until time.Time) {
	p.cutUntil = until
	close(p.moved)
	p.moved = make(chan struct{})
}

// Stats returns the counters.
func (p *Proxy) Stats() Stats { return p.count.stats() }

// Close closes the listener and cuts all connections. When it returns nothing of
// the Proxy runs any more, Serve aside, which is about to return.
func (p *Proxy) Close() error {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		p.running.Wait()
		return nil
	}
	p.closed = true
	var links []*link
	for l := range p.links {
		links = append(links, l)
	}
	for conn := range p.conns {
		conn.Close()
	}
	p.mu.Unlock()
	p.stop()
	err := p.cfg.Listen.Close()
	for _, l := range links {
		l.cut()
	}
	p.running.Wait()
	return err
}

// unlessHealed does strike, and counts it, unless the Proxy is healed. No Heal runs
// meanwhile.
func (p *Proxy) unlessHealed(f Fault, strike func()) bool {
	return p.untilHealed(func() {
		p.count.faults[f].Add(1)
		strike()
	})
}

// untilHealed is unlessHealed for what counts itself.
func (p *Proxy) untilHealed(strike func()) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.healed {
		return false
	}
	strike()
	return true
}

func (p *Proxy) isHealed() bool {
	select {
	case <-p.healing:
		return true
	default:
		return false
	}
}

// pass waits for the end of the partition, if there is one. It returns false if
// done was closed before.
func (p *Proxy) pass(done <-chan struct{}) bool {
	for {
		p.mu.Lock()
		until, moved := p.cutUntil, p.moved
		p.mu.Unlock()
		if until.IsZero() || !time.Now().Before(until) {
			return true
		}
		select {
		case <-after(until).C:
		case <-moved:
		case <-done:
			return false
		}
	}
}

// wait waits until then, or until healed. It returns false if done was closed
// before.
func (p *Proxy) wait(then time.Time, done <-chan struct{}) bool {
	if then.IsZero() || !time.Now().Before(then) {
		return true
	}
	t := after(then)
	defer t.Stop()
	select {
	case <-t.C:
	case <-p.healing:
	case <-done:
		return false
	}
	return true
}

func after(t time.Time) *time.Timer { return time.NewTimer(time.Until(t)) }
