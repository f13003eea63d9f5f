// Rooms books meeting rooms, after the calendar of the Bayou paper (Terry et al., SOSP 1995,
// section 2.1 and figure 3). It works with any replica of stage 3, also with one that is cut
// off from all others: a booking is tentative then, and when the replicas meet again each
// booking that has lost its room takes the first of its alternatives that is free.
//
//	main.go      the command line
//	slot.go      rooms and times, and where they stand in the store
//	book.go      book, cancel: a booking is a write with a check and a merge procedure
//	calendar.go  list, lost
package main

import (
	"context"
	"flag"
	"time"

	"dss.example/common/daemon/cli"
	"dss.example/common/kv"
	"dss.example/common/machine"
	"dss.example/common/wire"

	"dss.example/p1-kvrpc/client"
	"dss.example/p1-kvrpc/session"
)

func main() { cli.Main(command()) }

// command is rooms with all its verbs.
func command() *cli.Command {
	a := &app{}
	return &cli.Command{
		Name:  "rooms",
		Brief: "book meeting rooms, at whatever replica can be reached",
		Detail: `A booking is tentative until the primary has given it its place; another one may come
before it till then. list shows which are which, and lost those that found no room.
Exit codes: 0 done, so far; 1 definitely not done; 2 usage; 3 the outcome is unknown, as
that of a tentative booking that has found no room yet.`,
		Example: "rooms -s 127.0.0.1:7001 book 101 2026-11-23 14 Ada\nrooms -s 127.0.0.1:7001 list",
		Flags:   a.flags,
		Verbs:   []*cli.Command{a.book(), a.cancel(), a.list(), a.lost()},
	}
}

// app is what the flags say.
type app struct {
	addrs   []string
	timeout time.Duration
	tls     wire.TLSFiles
}

func (a *app) flags(f *flag.FlagSet) {
	*a = app{}
	cli.AddrsVar(f, &a.addrs, "s", "127.0.0.1:7001", "ask the replicas `ADDR[,ADDR…]`, HOST:PORT each")
	f.DurationVar(&a.timeout, "timeout", 10*time.Second, "give an operation `TIME`")
	f.StringVar(&a.tls.Cert, "tls-cert", "", "show the certificate in PEM `FILE`")
	f.StringVar(&a.tls.Key, "tls-key", "", "its key, in PEM `FILE`")
	f.StringVar(&a.tls.CA, "tls-ca", "", "use TLS, and demand a certificate that an authority in PEM `FILE` has signed")
}

// with opens a client, lets fn use it under the time-out, and closes it.
func (a *app) with(ctx context.Context, fn func(context.Context, *kv.Client) error) (err error) {
	o, err := a.options()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, a.timeout)
	defer cancel()
	c, err := client.Open(ctx, o)
	if err != nil {
		return err
	}
	defer func() {
		if e := c.Close(); err == nil {
			err = e
		}
	}()
	return fn(ctx, kv.NewClient(c))
}

// options is how to ask: a booking is sent again only if it was refused, for done twice it
// would take two rooms.
func (a *app) options() (o client.Options, err error) {
	switch {
	case a.timeout <= 0:
		return o, cli.Usagef("bad value %v for -timeout: want a positive time such as 10s", a.timeout)
	case (a.tls.Cert == "") != (a.tls.Key == ""):
		return o, cli.Usagef("-tls-cert and -tls-key belong together: want both")
	}
	o = client.Options{Addrs: a.addrs, Session: session.Config{Timeout: machine.Time(a.timeout)}}
	if a.tls != (wire.TLSFiles{}) {
		o.Wire.TLS, err = a.tls.Client()
	}
	return o, err
}
