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
			a.get(), a.writes(a.put()), a.writes(a.del()), a.writes(a.add()), a.writes(a.cas()), a.writes(a.txn()), a.scan(),
			a.plain(a.watch()), a.plain(a.lease()), a.stat(),
			a.writes(a.guarded()), a.inquire(), a.conflicts(), a.plain(a.probe()),
			a.plain(a.members()), a.plain(a.status()), a.plain(a.transfer()), a.plain(a.load()), a.plain(a.bench()),
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
	stable  bool
	session sessionFile
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
	f.BoolVar(&a.stable, "stable", false, "show only what no write that comes later will come before: -level prefix")
	a.session.flags(f)
	f.StringVar(&a.tls.Cert, "tls-cert", "", "show the certificate in PEM `FILE`")
	f.StringVar(&a.tls.Key, "tls-key", "", "its key, in PEM `FILE`")
	f.StringVar(&a.tls.CA, "tls-ca", "", "use TLS, and demand a certificate that an authority in PEM `FILE` has signed")
}

// open connects to a server.
func (a *app) open(ctx context.Context) (*client.Client, error) {
	switch {
	case a.timeout <= 0:
		return nil, cli.Usagef("bad value %v for -timeout: want a positive time such as 10s", a.timeout)
	case a.stable && a.level != kv.LevelDefault && a.level != kv.Prefix:
		return nil, cli.Usagef("-stable is -level prefix: want one of them, got -level %v too", a.level)
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

// grace is how much later than the time-out an operation is given up from outside: the
// client's own last word at the time-out tells more.
const grace = time.Second

// with opens a client, lets fn use it under the time-out and in the session of the flags, and
// closes it.
func (a *app) with(ctx context.Context, fn func(context.Context, *kv.Client) error) error {
	s, err := a.session.open()
	if err != nil {
		return err
	}
	return a.withClient(ctx, func(ctx context.Context, c *client.Client) error {
		ctx, cancel := context.WithTimeout(ctx, a.timeout+grace)
		defer cancel()
		typed := a.typed(c)
		return s.keep(typed, func() error { return fn(ctx, typed) })
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
	switch {
	case a.stable:
		return typed.With(kv.Prefix)
	case a.level != kv.LevelDefault:
		return typed.With(a.level)
	}
	return typed
}

// writes is a verb that changes something: nothing of that is stable at first.
func (a *app) writes(c *cli.Command) *cli.Command {
	return a.without(c, func() error {
		if a.stable {
			return cli.Usagef("-stable is for what reads: want get, scan, stat or conflicts")
		}
		return nil
	})
}

// plain is a verb that no session is for, and no level: it asks for much at a time, or for
// what concerns no key.
func (a *app) plain(c *cli.Command) *cli.Command {
	return a.without(a.writes(c), func() error {
		if a.session.name != "" {
			return cli.Usagef("-session is for one operation after the other on keys: want get, put, del, append, cas, txn, scan, stat, guarded, inquire or conflicts")
		}
		return nil
	})
}

// without lets a verb, and those below it, be refused before it runs.
func (a *app) without(c *cli.Command, refuse func() error) *cli.Command {
	if run := c.Run; run != nil {
		c.Run = func(ctx context.Context, args []string, std cli.Std) error {
			if err := refuse(); err != nil {
				return err
			}
			return run(ctx, args, std)
		}
	}
	for _, verb := range c.Verbs {
		a.without(verb, refuse)
	}
	return c
}

// noSuch says that a server does not offer what a verb asks for, and who does.
func noSuch(what string, stage int) error {
	return missing{fmt.Errorf("%w: this server offers no %s (stage %d does)", kv.ErrUnsupported, what, stage)}
}

// missing is an error that needs no more explanation.
type missing struct{ error }

func (m missing) Unwrap() error { return m.error }

// explain says which stage offers what this server does not.
func explain(err error, caps kv.Caps) error {
	if kv.StatusOf(err) == kv.Unsupported && !errors.As(err, new(missing)) {
		return fmt.Errorf("%w (this is stage %d: %v; it offers %v)", err, caps.Stage, caps.Level, caps.Has)
	}
	return err
}
