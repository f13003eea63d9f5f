package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"dss.example/common/daemon/cli"
	"dss.example/common/kv"

	"dss.example/p1-kvrpc/client"
)

func (a *app) lease() *cli.Command {
	return &cli.Command{
		Name: "lease", Brief: "make, keep alive, end and list leases",
		Example: "kv lease grant 10s\nkv lease list",
		Verbs: []*cli.Command{
			{
				Name: "grant", Brief: "make a lease; prints its ID", Args: "TTL", Example: "kv lease grant 10s",
				Run: func(ctx context.Context, args []string, std cli.Std) error {
					ttl, err := parseTTL(args[0])
					if err != nil {
						return err
					}
					return a.with(ctx, func(ctx context.Context, c *kv.Client) error {
						l, err := c.Grant(ctx, ttl)
						if err != nil {
							return err
						}
						return a.printLease(std.Out, l)
					})
				},
			},
			a.onLease("keepalive", "renew a lease for its full time", func(ctx context.Context, c *kv.Client, id kv.LeaseID, std cli.Std) error {
				l, err := c.KeepAlive(ctx, id)
				if err != nil {
					return err
				}
				return a.printLease(std.Out, l)
			}),
			a.onLease("revoke", "end a lease and delete its keys", func(ctx context.Context, c *kv.Client, id kv.LeaseID, std cli.Std) error {
				if err := c.Revoke(ctx, id); err != nil {
					return err
				}
				if a.json {
					return printJSON(std.Out, map[string]uint64{"revoked": uint64(id)})
				}
				_, err := fmt.Fprintln(std.Out, "ok")
				return err
			}),
			a.onLease("show", "print a lease and its keys", func(ctx context.Context, c *kv.Client, id kv.LeaseID, std cli.Std) error {
				l, err := c.Lease(ctx, id)
				if err != nil {
					return err
				}
				return a.printLease(std.Out, l)
			}),
			{
				Name: "list", Brief: "print all leases", Example: "kv lease list",
				Run: func(ctx context.Context, _ []string, std cli.Std) error {
					return a.with(ctx, func(ctx context.Context, c *kv.Client) error {
						all, err := c.Leases(ctx)
						for _, l := range all {
							err = errors.Join(err, a.printLease(std.Out, l))
						}
						return err
					})
				},
			},
			{
				Name: "hold", Brief: "make a lease and keep it alive until interrupted, then end it", Args: "TTL", Example: "kv lease hold 5s",
				Run: a.hold,
			},
		},
	}
}

func (a *app) onLease(name, brief string, do func(context.Context, *kv.Client, kv.LeaseID, cli.Std) error) *cli.Command {
	return &cli.Command{
		Name: name, Brief: brief, Args: "ID", Example: "kv lease " + name + " 3",
		Run: func(ctx context.Context, args []string, std cli.Std) error {
			id, err := strconv.ParseUint(args[0], 10, 64)
			if err != nil || id == 0 {
				return cli.Usagef("lease %q: want the number that grant printed", args[0])
			}
			return a.with(ctx, func(ctx context.Context, c *kv.Client) error { return do(ctx, c, kv.LeaseID(id), std) })
		},
	}
}

func parseTTL(s string) (time.Duration, error) {
	ttl, err := time.ParseDuration(s)
	if err != nil {
		return 0, cli.Usagef("time to live %q: want a time such as 10s", s)
	}
	if ttl < kv.MinTTL || ttl > kv.MaxTTL {
		return 0, cli.Usagef("time to live %v: want %v to %v", ttl, kv.MinTTL, kv.MaxTTL)
	}
	return ttl, nil
}

// hold keeps a lease alive at a third of its time, as a worker that shows that it
// lives would.
func (a *app) hold(ctx context.Context, args []string, std cli.Std) error {
	ttl, err := parseTTL(args[0])
	if err != nil {
		return err
	}
	return a.withClient(ctx, func(ctx context.Context, store *client.Client) error {
		c := a.typed(store)
		l, err := c.Grant(ctx, ttl)
		if err != nil {
			return err
		}
		if err := a.printLease(std.Out, l); err != nil {
			return err
		}
		tick := time.NewTicker(max(ttl/3, time.Millisecond))
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				if _, err := c.KeepAlive(ctx, l.ID); err != nil && ctx.Err() == nil {
					return err
				}
			case <-ctx.Done():
				end, cancel := context.WithTimeout(context.WithoutCancel(ctx), a.timeout)
				defer cancel()
				return c.Revoke(end, l.ID)
			}
		}
	})
}
