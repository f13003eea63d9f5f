package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"dss.example/common/daemon/cli"

	"dss.example/p2-persist/cmd/blob/browse"
)

// Bounds of the server.
const (
	maxConns     = 256 // at a time; one more is closed at once
	maxHeader    = 32 << 10
	slowest      = 10 * time.Second // to send a request
	idle         = time.Minute
	drainTimeout = 10 * time.Second
)

func (a *app) serve() *cli.Command {
	var listen string
	return &cli.Command{
		Name: "serve", Brief: "show branches, snapshots and files to a browser, read-only",
		Detail: `Prints one line when it serves. Nobody is asked for a password: on any but a loopback address
everybody who can reach it can read everything. SIGTERM or an interrupt lets requests end,
for 10s, and ends it with 0. Meanwhile no other program can use the store.`,
		Example: "blob serve -listen 127.0.0.1:7012",
		Flags: func(f *flag.FlagSet) {
			cli.AddrVar(f, &listen, "listen", "127.0.0.1:7012", "serve on `ADDR`")
		},
		Run: func(ctx context.Context, _ []string, std cli.Std) error {
			return a.with(ctx, std, func(ctx context.Context, s *store) error { return s.serve(ctx, listen) })
		},
	}
}

// serve serves until ctx ends, then lets requests end.
func (s *store) serve(ctx context.Context, listen string) error {
	ln, err := net.Listen("tcp", listen)
	if err != nil {
		return fmt.Errorf("-listen: %w", err)
	}
	addr := ln.Addr().(*net.TCPAddr)
	conns := &atomic.Int64{}
	server := &http.Server{
		Handler:     browse.New(s.Blobs, s.History, browse.Options{Loopback: addr.IP.IsLoopback()}),
		ReadTimeout: slowest, IdleTimeout: idle, MaxHeaderBytes: maxHeader,
		ConnState: func(c net.Conn, state http.ConnState) { bound(conns, c, state) },
	}
	ended := make(chan error, 1)
	var serving sync.WaitGroup
	serving.Go(func() { ended <- server.Serve(ln) })
	if _, err := fmt.Fprintf(s.Out, "blob serving on http://%v/\n", addr); err != nil {
		return errors.Join(err, server.Close())
	}
	select {
	case <-ctx.Done():
	case err := <-ended:
		return err
	}
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTimeout)
	defer cancel()
	if server.Shutdown(drain) != nil {
		fmt.Fprintln(s.Err, "blob: connections were cut before all requests had ended")
		err = server.Close()
	}
	serving.Wait()
	return err
}

// bound closes a connection that is one too many.
func bound(conns *atomic.Int64, c net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		if conns.Add(1) > maxConns {
			c.Close()
		}
	case http.StateClosed, http.StateHijacked:
		conns.Add(-1)
	}
}
