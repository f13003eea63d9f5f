package daemon

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"

	"dss.example/common/kv"
)

// errSecondSignal is why a drain ended before its time.
var errSecondSignal = errors.New("ended at once by a second signal")

// serve is a daemon's life from its listeners to its end. It returns nil after a
// drain that was asked for.
func serve(ctx, now context.Context, p Program, c *Config, stdout io.Writer) error {
	failed := make(chan error, 1)
	c.Fail = func(err error) {
		select {
		case failed <- err:
		default: // the first one is on its way
		}
	}
	a, err := startAdmin(c)
	if err != nil {
		return err
	}
	defer a.stop()
	ln, err := net.Listen("tcp", c.Listen)
	if err != nil {
		return fmt.Errorf("-listen: %w", err)
	}
	c.Listen = ln.Addr().String()
	store, srv, err := open(ctx, p, c)
	if err != nil {
		ln.Close()
		if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
			return nil // asked to stop before it had begun
		}
		return err
	}
	l := &life{c: c, store: store, srv: srv, served: make(chan error, 1)}
	go func() { l.served <- srv.Serve(ln) }() // l.end waits for it
	a.ready(srv)
	fmt.Fprintln(stdout, c.banner())
	if a.addr != "" {
		fmt.Fprintf(stdout, "kvd stage=%d health and metrics on http://%s\n", c.Stage, a.addr)
	}

	select {
	case <-ctx.Done():
		a.draining()
		c.Log.Info("draining", "timeout", c.DrainTimeout)
		return l.drain(now)
	case err := <-failed:
		a.draining()
		return l.cut(fmt.Errorf("store: %w", err))
	case err := <-l.served:
		l.served <- nil
		return l.cut(fmt.Errorf("serving: %w", orElse(err, errors.New("ended by itself"))))
	}
}

// open makes the Store and its Server, or neither.
func open(ctx context.Context, p Program, c *Config) (kv.Store, Server, error) {
	store, err := p.Open(ctx, c)
	if err != nil {
		return nil, nil, err
	}
	srv, err := p.Serve(c, store)
	if err != nil {
		return nil, nil, errors.Join(err, closeStore(store))
	}
	return store, srv, nil
}

// life is a daemon that serves.
type life struct {
	c      *Config
	store  kv.Store
	srv    Server
	served chan error // what Serve returned
}

// drain ends in order, within the drain time-out; a second signal does not wait
// for anything any more.
func (l *life) drain(now context.Context) error {
	ctx, cancel := context.WithTimeout(now, l.c.DrainTimeout)
	ended := make(chan error, 1)
	go func() {
		defer cancel()
		ended <- l.end(ctx)
	}()
	select {
	case err := <-ended:
		return err
	case <-now.Done():
		return errSecondSignal // the process is about to exit
	}
}

// cut ends because of err, without waiting for requests.
func (l *life) cut(err error) error {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return errors.Join(err, l.end(ctx))
}

// end shuts the Server down, waits for it, and closes the Store.
func (l *life) end(ctx context.Context) error {
	err := l.srv.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		l.c.Log.Warn("connections were cut before all requests had ended")
	}
	if err != nil && errors.Is(err, ctx.Err()) {
		err = nil // the cut was wanted
	}
	served := <-l.served
	if errors.Is(served, net.ErrClosed) {
		served = nil
	}
	return errors.Join(err, served, closeStore(l.store))
}

func orElse(err, other error) error {
	if err != nil {
		return err
	}
	return other
}
