// Rpc runs both halves of package call, so that a judge in another process can talk
// to each: a server of a few demonstration methods, and a client that asks what it
// reads.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"time"

	"dss.example/common/daemon/cli"
	"dss.example/common/wire"

	"dss.example/p1-kvrpc/call"
)

func main() { cli.Main(command()) }

func command() *cli.Command {
	return &cli.Command{
		Name: "rpc", Brief: "serve and call methods through the halves of package call",
		Example: "rpc serve -listen 127.0.0.1:7070\necho '{\"id\":1,\"method\":\"Echo.Echo\",\"arg\":\"hello\"}' | rpc ask -s 127.0.0.1:7070",
		Verbs:   []*cli.Command{serveCommand(), askCommand()},
	}
}

// serving is what the flags of serve say.
type serving struct {
	listen   string
	inFlight int
	conns    int
	drain    time.Duration
}

func serveCommand() *cli.Command {
	s := &serving{}
	return &cli.Command{
		Name: "serve", Brief: "serve the methods of Echo",
		Detail: `Echo.Echo   BYTES -> BYTES          the same bytes
Echo.Wait   [MS, BYTES] -> BYTES    the same bytes after MS milliseconds, at most 60000
Echo.Panic  BYTES                   panics
Echo.Fail   BYTES                   fails with the listed error 1, with BYTES as its detail
BYTES is a CBOR byte string. "rpc serving on ADDR" on the standard output tells that
it serves. SIGTERM ends it when the requests in flight are answered.`,
		Example: "rpc serve -listen 127.0.0.1:7070",
		Flags: func(f *flag.FlagSet) {
			*s = serving{}
			cli.AddrVar(f, &s.listen, "listen", "127.0.0.1:7070", "serve at `ADDR`, HOST:PORT; port 0 takes any")
			f.IntVar(&s.inFlight, "in-flight", 1024, "serve `N` requests of a connection at a time")
			f.IntVar(&s.conns, "connections", 1024, "serve `N` connections at a time")
			f.DurationVar(&s.drain, "drain-timeout", 10*time.Second, "at the end wait `TIME` for requests in flight")
		},
		Run: s.run,
	}
}

func (s *serving) run(ctx context.Context, _ []string, std cli.Std) error {
	if s.inFlight < 1 || s.conns < 1 || s.drain <= 0 {
		return cli.Usagef("-in-flight, -connections and -drain-timeout want positive values")
	}
	srv := call.NewServer(call.ServerOptions{
		InFlight: s.inFlight, Connections: s.conns, Errors: listed, Log: slog.New(slog.NewTextHandler(std.Err, nil)),
	})
	if err := srv.Register("Echo", Echo{}); err != nil {
		return err
	}
	ln, err := wire.Listen(s.listen)
	if err != nil {
		return fmt.Errorf("-listen: %w", err)
	}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(ln) }()
	fmt.Fprintf(std.Out, "rpc serving on %v\n", ln.Addr())
	select {
	case err := <-served:
		return errors.Join(err, srv.Close())
	case <-ctx.Done():
	}
	under, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.drain)
	defer cancel()
	err = srv.Shutdown(under)
	if errors.Is(err, context.DeadlineExceeded) {
		err = fmt.Errorf("requests were still in flight after %v", s.drain)
	}
	return errors.Join(err, <-served)
}
