package harness

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"time"

	"dss.example/common/bench/load"
	"dss.example/common/bench/proc"
)

// Bounds on what a process may take beside the time it is asked to measure.
const (
	readyWithin = 20 * time.Second // until a server accepts connections
	readyEvery  = 5 * time.Millisecond
	turnWithin  = time.Minute // to fill, to warm up, to end; unless the load says otherwise
)

// ErrReport tells that a driver has not printed a load.Report.
var ErrReport = errors.New("no report")

// errEnded is of a server that ended without being asked to, and without an error.
var errEnded = errors.New("the server ended by itself")

// member is a system that takes part in a run, with its servers.
type member struct {
	System
	place   Place
	servers []*proc.Process
}

// open starts the servers and waits until every address accepts connections.
func (s *member) open(ctx context.Context) (err error) {
	if err := os.Mkdir(s.place.Dir, 0o700); err != nil {
		return err
	}
	if s.place.Addrs, err = FreeAddrs(s.Ports); err != nil {
		return err
	}
	for _, c := range s.Serve(s.place) {
		p, err := proc.Start(ctx, nil, c.Path, c.Args...)
		if err != nil {
			return err
		}
		s.servers = append(s.servers, p)
	}
	ctx, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	for _, addr := range s.place.Addrs {
		if err := s.ready(ctx, addr); err != nil {
			return err
		}
	}
	return nil
}

// The ports of servers: below those that systems give to who connects, or one that
// connects might get a port that was found free for a server.
const (
	firstPort = 20_000
	ports     = 10_000
	portTries = 1000
)

// FreeAddrs returns loopback addresses that were free a moment ago, all different.
func FreeAddrs(n int) (addrs []string, err error) {
	for try := 0; len(addrs) < n; try++ {
		ln, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", firstPort+rand.IntN(ports)))
		switch {
		case err == nil:
			defer ln.Close() // not before all are known
			addrs = append(addrs, ln.Addr().String())
		case try >= portTries:
			return nil, err
		}
	}
	return addrs, nil
}

func (s *member) ready(ctx context.Context, addr string) error {
	tick := time.NewTicker(readyEvery)
	defer tick.Stop()
	for {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
		if err == nil {
			return conn.Close()
		}
		if err := s.dead(); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("does not serve: %w", err)
		case <-tick.C:
		}
	}
}

// dead tells how a server ended, if one did.
func (s *member) dead() error {
	for _, p := range s.servers {
		if p.Gone() {
			return cmp.Or(p.Wait(), errEnded)
		}
	}
	return nil
}

// close returns when the servers are gone.
func (s *member) close() {
	for _, p := range s.servers {
		p.Stop()
	}
}

// turn runs the driver and returns what it measured, and the processor time of the
// servers meanwhile, if they take part in the load.
func (s *member) turn(ctx context.Context, t Turn, l Load) (*load.Report, time.Duration, error) {
	within := t.Warmup + t.For + cmp.Or(l.Within, turnWithin)
	ctx, cancel := context.WithTimeoutCause(ctx, within, errors.New("the driver hangs"))
	defer cancel()
	metered := s.servers
	if l.Embedded {
		metered = nil
	}
	meter := proc.StartMeter(metered)
	out, err := s.drive(ctx, t)
	usage := meter.Stop()
	if ctx.Err() != nil {
		return nil, 0, context.Cause(ctx)
	}
	if err != nil {
		return nil, 0, errors.Join(err, s.dead())
	}
	var r load.Report
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		return nil, 0, fmt.Errorf("%w: %w", ErrReport, err)
	}
	if r.Ops < 1 || r.Rate <= 0 || r.Ended <= r.Began {
		return nil, 0, fmt.Errorf("%w: it lacks figures: %s", ErrReport, out)
	}
	return &r, usage.Between(r.Began, r.Ended), nil
}

func (s *member) drive(ctx context.Context, t Turn) (string, error) {
	var out proc.Tail
	c := s.Drive(s.place, t)
	p, err := proc.Start(ctx, &out, c.Path, c.Args...)
	if err != nil {
		return "", err
	}
	err = p.Wait() // the context sees to it that it ends
	return out.String(), err
}
