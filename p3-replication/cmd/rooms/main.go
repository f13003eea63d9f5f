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
Exit codes: 0 done; 1 definitely not done; 2 usage; 3 the outcome is unknown.`,
		Example: "rooms -s 127.0.0.1:7001 book 101 2026-11-23 14 Ada\nrooms -s 127.0.0.1:7001 list",
		Flags:   a.flags,
		Verbs:   []*cli.Command{a.book(), a.cancel(), a.list(), a.lost()},
	}
}

// app is what the flags say.
type app struct {
	addrs   []string
	timeout time.Duration
}

func (a *app) flags(f *flag.FlagSet) {
	*a = app{}
	cli.AddrsVar(f, &a.addrs, "s", "127.0.0.1:7001", "ask the replicas `ADDR[,ADDR…]`, HOST:PORT each")
	f.DurationVar(&a.timeout, "timeout", 10*time.Second, "give an operation `TIME`")
}

// with opens a client, lets fn use it under the time-out, and closes it.
func (a *app) with(ctx context.Context, fn func(context.Context, *kv.Client) error) (err error) {
	if a.timeout <= 0 {
		return cli.Usagef("bad value %v for -timeout: want a positive time such as 10s", a.timeout)
	}
	ctx, cancel := context.WithTimeout(ctx, a.timeout)
	defer cancel()
	c, err := client.Open(ctx, client.Options{Addrs: a.addrs, Session: session.Config{
		Mode: session.AtMostOnce, Timeout: machine.Time(a.timeout), // a booking that is done twice takes two rooms
	}})
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
