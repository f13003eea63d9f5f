// Kv is the client program of every stage: whatever stands behind the door, these
// are its questions.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"time"

	"dss.example/common/daemon/cli"
	"dss.example/common/kv"
	"dss.example/common/machine"
	"dss.example/common/wire"

	"dss.example/p1-kvrpc/client"
	"dss.example/p1-kvrpc/session"
)

func main() { cli.Main(command()) }

// command is kv with all its verbs.
func command() *cli.Command {
	a := &app{}
	return &cli.Command{
		Name:  "kv",
		Brief: "ask a key-value server",
		Detail: `Any server's address will do; kv connects again until the time-out.
Exit codes: 0 done; 1 definitely not done, or no such key; 2 usage; 3 the outcome is
unknown: it may have been done, or be done yet.`,
		Example: "kv -s 127.0.0.1:7001 put greeting hello\nkv -s 127.0.0.1:7001 get greeting",
		Flags:   a.flags,
		Verbs: []*cli.Command{
			a.get(), a.put(), a.del(), a.add(), a.cas(), a.txn(), a.scan(), a.watch(), a.lease(), a.stat(),
			a.members(), a.status(), a.transfer(), a.load(), a.bench(),
		},
	}
}

// app is what the flags say.
type app struct {
	addrs   []string
	timeout time.Duration
	json    bool
	mode    session.Mode
	level   kv.Level
	tls     wire.TLSFiles
}

func (a *app) flags(f *flag.FlagSet) {
	*a = app{}
	cli.AddrsVar(f, &a.addrs, "s", "127.0.0.1:7001", "ask the servers `ADDR[,ADDR…]`, HOST:PORT each")
	f.DurationVar(&a.timeout, "timeout", 10*time.Second, "give an operation `TIME`")
	f.BoolVar(&a.json, "json", false, "print JSON")
	f.Func("mode", "do `MODE` when no answer comes: exactly-once, at-most-once or at-least-once (default exactly-once)", func(s string) (err error) {
		a.mode, err = session.ParseMode(s)
		return err
	})
	f.Func("level", "ask for `LEVEL`: eventual, session, prefix, linearizable or strict-serializable (default: what the server promises)", func(s string) (err error) {
		a.level, err = kv.ParseLevel(s)
		return err
	})
	f.StringVar(&a.tls.Cert, "tls-cert", "", "show the certificate in PEM `FILE`")
	f.StringVar(&a.tls.Key, "tls-key", "", "its key, in PEM `FILE`")
	f.StringVar(&a.tls.CA, "tls-ca", "", "use TLS, and demand a certificate that an authority in PEM `FILE` has signed")
}

// open connects to a server.
func (a *app) open(ctx context.Context) (*client.Client, error) {
	switch {
	case a.timeout <= 0:
		return nil, cli.Usagef("bad value %v for -timeout: want a positive time such as 10s", a.timeout)
	case (a.tls.Cert == "") != (a.tls.Key == ""):
		return nil, cli.Usagef("-tls-cert and -tls-key belong together: want both")
	}
	o := client.Options{Addrs: a.addrs, Session: session.Config{Mode: a.mode, Timeout: machine.Time(a.timeout)}}
	if a.tls != (wire.TLSFiles{}) {
		config, err := a.tls.Client()
		if err != nil {
			return nil, err
		}
		o.Wire.TLS = config
	}
	ctx, cancel := context.WithTimeout(ctx, a.timeout)
	defer cancel()
	return client.Open(ctx, o)
}

// with opens a client, lets fn use it under the time-out, and closes it.
func (a *app) with(ctx context.Context, fn func(context.Context, *kv.Client) error) error {
	return a.withClient(ctx, func(ctx context.Context, c *client.Client) error {
		ctx, cancel := context.WithTimeout(ctx, a.timeout)
		defer cancel()
		return fn(ctx, a.typed(c))
	})
}

// withClient is with for verbs that go on for longer than one operation.
func (a *app) withClient(ctx context.Context, fn func(context.Context, *client.Client) error) (err error) {
	c, err := a.open(ctx)
	if err != nil {
		return err
	}
	defer func() {
		if e := c.Close(); err == nil {
			err = e
		}
	}()
	return explain(fn(ctx, c), c.Offers())
}

func (a *app) typed(c *client.Client) *kv.Client {
	typed := kv.NewClient(c)
	if a.level != kv.LevelDefault {
		typed = typed.With(a.level)
	}
	return typed
}

// explain says which stage offers what this server does not.
func explain(err error, caps kv.Caps) error {
	if kv.StatusOf(err) == kv.Unsupported && !errors.Is(err, errNoMembers) {
		return fmt.Errorf("%w (this is stage %d: %v; it offers %v)", err, caps.Stage, caps.Level, caps.Has)
	}
	return err
}
