package daemon

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"dss.example/common/daemon/cli"
	"dss.example/common/kv"
)

// Program is what one stage's kvd adds to a daemon.
type Program struct {
	Stage   int
	Data    bool                // it keeps data: -data
	Peers   bool                // it has peers: -id and -peers
	Example string              // a command line that can be pasted; empty for a plain one
	Flags   func(*flag.FlagSet) // declares flags of this stage only; may be nil

	// Open joins the parts of the stage to a Store. ctx bounds the opening only: it
	// ends when the process is asked to stop. A Store that is an io.Closer is closed
	// after the last request.
	Open func(ctx context.Context, c *Config) (kv.Store, error)

	// Serve makes the Server of a Store. Its error, say about a certificate, is
	// printed and ends the process with 1.
	Serve func(c *Config, store kv.Store) (Server, error)
}

// Server carries requests from a listener to a Store.
type Server interface {
	// Serve accepts from ln until Shutdown, then returns nil. Any other return ends
	// the process. It closes ln.
	Serve(ln net.Listener) error

	// Shutdown stops accepting, waits for the requests that are being served and
	// closes all connections. When ctx ends first, it closes them at once and
	// returns ctx's error.
	Shutdown(ctx context.Context) error

	// Counters lists what /metrics shows of this server; the list does not change.
	Counters() []Counter
}

// Readier is a Server that may serve and yet be of no use for a while. Ready says what it
// waits for, or nil. It is called at each look at /readyz, by any goroutine.
type Readier interface{ Ready() error }

// Main runs p as this process, with its arguments and signals, and returns the
// exit code.
func Main(p Program) int {
	ctx, stop := context.WithCancel(context.Background())
	now, halt := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)

	var watcher sync.WaitGroup
	watcher.Go(func() {
		for _, end := range []func(){stop, halt} {
			<-signals // closed below, when all is over
			end()
		}
	})
	code := run(ctx, now, p, os.Args[1:], cli.Std{In: os.Stdin, Out: os.Stdout, Err: os.Stderr})
	signal.Stop(signals)
	close(signals)
	watcher.Wait()
	return code
}

// Run runs p inside another program: the end of ctx is the signal to drain. It
// returns the exit code.
func Run(ctx context.Context, p Program, args []string, std cli.Std) int {
	return run(ctx, context.Background(), p, args, std)
}

// run ends gently with ctx and at once with now.
func run(ctx, now context.Context, p Program, args []string, std cli.Std) int {
	o := &options{level: "info"}
	example := p.Example
	if example == "" {
		example = "kvd -listen " + p.listenPreset()
	}
	return cli.Run(ctx, &cli.Command{
		Name:    "kvd",
		Brief:   fmt.Sprintf("the server of stage %d", p.Stage),
		Detail:  "Prints one line when it serves. SIGTERM drains and ends it.",
		Example: example,
		Flags:   func(f *flag.FlagSet) { o.declare(f, p) },
		Run: func(ctx context.Context, _ []string, std cli.Std) error {
			c, err := o.config(p, std.Err)
			if err != nil {
				return err
			}
			return serve(ctx, now, p, c, std.Out)
		},
	}, args, std)
}

func (p Program) listenPreset() string { return fmt.Sprintf("127.0.0.1:700%d", p.Stage) }

// banner is a contract: scripts wait for it.
func (c *Config) banner() string {
	id := ""
	if c.ID != 0 {
		id = fmt.Sprintf(" id=%d", c.ID)
	}
	return fmt.Sprintf("kvd stage=%d%s listening on %s", c.Stage, id, c.Listen)
}

func closeStore(store kv.Store) error {
	if c, ok := store.(io.Closer); ok {
		return c.Close()
	}
	return nil
}
