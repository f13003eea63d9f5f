package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"

	"dss.example/common/daemon/cli"
	"dss.example/common/kv"

	"dss.example/p1-kvrpc/client"
)

func (a *app) get() *cli.Command {
	var at string
	return &cli.Command{
		Name: "get", Brief: "print a key's value and a newline", Args: "KEY",
		Example: "kv get greeting\nkv get -at 17 greeting",
		Flags: func(f *flag.FlagSet) {
			f.StringVar(&at, "at", "", "read the state of revision `REV`")
		},
		Run: func(ctx context.Context, args []string, std cli.Std) error {
			rev, err := parseRev(at)
			if err != nil {
				return err
			}
			return a.with(ctx, func(ctx context.Context, c *kv.Client) error {
				item, err := c.At(rev).Get(ctx, args[0])
				if err != nil {
					return err
				}
				if a.json {
					return printJSON(std.Out, jsonItem(item))
				}
				_, err = fmt.Fprintf(std.Out, "%s\n", item.Value)
				return err
			})
		},
	}
}

func parseRev(s string) (kv.Version, error) {
	if s == "" {
		return kv.Version{}, nil
	}
	v, err := kv.ParseVersion(s)
	if err != nil {
		return v, cli.Usagef("%v", err)
	}
	return v, nil
}

// value is an argument that is a value: "-" means the standard input.
func value(arg string, std cli.Std) ([]byte, error) {
	if arg != "-" {
		return []byte(arg), nil
	}
	b, err := io.ReadAll(io.LimitReader(std.In, kv.MaxValue+1))
	if err == nil && len(b) > kv.MaxValue {
		err = fmt.Errorf("%w: the standard input is longer than %d bytes", kv.ErrTooLarge, kv.MaxValue)
	}
	return b, err
}

func leaseFlag(lease *uint64) func(*flag.FlagSet) {
	return func(f *flag.FlagSet) {
		f.Uint64Var(lease, "lease", 0, "let the key go when lease `ID` ends")
	}
}

func (a *app) put() *cli.Command {
	var lease uint64
	return &cli.Command{
		Name: "put", Brief: "set a key", Args: "KEY VALUE", Detail: "VALUE - is the standard input.",
		Example: "kv put greeting hello\nkv put -lease 3 worker alive\nkv put readme - <README.md",
		Flags:   leaseFlag(&lease),
		Run: func(ctx context.Context, args []string, std cli.Std) error {
			v, err := value(args[1], std)
			if err != nil {
				return err
			}
			return a.with(ctx, func(ctx context.Context, c *kv.Client) error {
				rev, err := c.Put(ctx, args[0], v, kv.Under(kv.LeaseID(lease)))
				if err != nil {
					return err
				}
				return a.wrote(std.Out, rev)
			})
		},
	}
}

func (a *app) del() *cli.Command {
	return &cli.Command{
		Name: "del", Brief: "delete a key", Args: "KEY", Example: "kv del greeting",
		Run: func(ctx context.Context, args []string, std cli.Std) error {
			return a.with(ctx, func(ctx context.Context, c *kv.Client) error {
				rev, err := c.Delete(ctx, args[0])
				if err != nil {
					return err
				}
				return a.wrote(std.Out, rev)
			})
		},
	}
}

func (a *app) add() *cli.Command {
	return &cli.Command{
		Name: "append", Brief: "add bytes to the end of a key's value", Args: "KEY VALUE", Detail: "VALUE - is the standard input.",
		Example: "kv append log line",
		Run: func(ctx context.Context, args []string, std cli.Std) error {
			v, err := value(args[1], std)
			if err != nil {
				return err
			}
			return a.with(ctx, func(ctx context.Context, c *kv.Client) error {
				n, err := c.Append(ctx, args[0], v)
				if err != nil {
					return err
				}
				if a.json {
					return printJSON(std.Out, map[string]int{"bytes": n})
				}
				_, err = fmt.Fprintf(std.Out, "ok %d bytes\n", n)
				return err
			})
		},
	}
}

func (a *app) cas() *cli.Command {
	var lease uint64
	var rev string
	return &cli.Command{
		Name: "cas", Brief: "set a key if its value is still the old one", Args: "KEY OLD NEW",
		Detail:  `With -rev the key's revision is compared, OLD must be "" and 0 means that the key is absent.`,
		Example: "kv cas counter 7 8\nkv cas -rev 17 counter \"\" 8\nkv cas -rev 0 lock \"\" me",
		Flags: func(f *flag.FlagSet) {
			leaseFlag(&lease)(f)
			f.StringVar(&rev, "rev", "", "compare the last write's revision with `REV`, instead of the value")
		},
		Run: func(ctx context.Context, args []string, std cli.Std) error {
			if rev != "" && args[1] != "" {
				return cli.Usagef("with -rev the old value %q must be \"\"", args[1])
			}
			old, err := parseRev(rev)
			if err != nil {
				return err
			}
			return a.with(ctx, func(ctx context.Context, c *kv.Client) error {
				if rev == "" {
					return a.casValue(ctx, c, args, lease, std)
				}
				wrote, err := c.CAS(ctx, args[0], old, []byte(args[2]), kv.Under(kv.LeaseID(lease)))
				switch {
				case errors.Is(err, kv.ErrConflict) && wrote.IsZero():
					return fmt.Errorf("%w: there is no such key", kv.ErrConflict)
				case errors.Is(err, kv.ErrConflict):
					return fmt.Errorf("%w: the key is at revision %v", kv.ErrConflict, wrote)
				case err != nil:
					return err
				}
				return a.wrote(std.Out, wrote)
			})
		},
	}
}

// casValue compares values, by a transaction.
func (a *app) casValue(ctx context.Context, c *kv.Client, args []string, lease uint64, std cli.Std) error {
	key := args[0]
	resp, err := c.Do(ctx, kv.Request{Op: kv.Txn{
		If: []kv.Compare{
			{Key: key, Target: kv.TargetValue, Relation: kv.Equal, Value: []byte(args[1])},
			{Key: key, Target: kv.TargetCount, Relation: kv.Greater}, // an absent key has no value, not an empty one
		},
		Then: []kv.Op{kv.Put{Key: key, Value: []byte(args[2]), Lease: kv.LeaseID(lease)}},
		Else: []kv.Op{kv.Get{Key: key}},
	}})
	if err != nil {
		return err
	}
	txn, ok := resp.Result.(kv.TxnResult)
	switch {
	case !ok:
		return kv.ErrBadResponse
	case txn.Succeeded:
		return a.wrote(std.Out, resp.Rev)
	}
	for _, o := range txn.Outcomes {
		if item, ok := o.Result.(kv.Item); ok {
			return fmt.Errorf("%w: the value is %q", kv.ErrConflict, item.Value)
		}
	}
	return fmt.Errorf("%w: there is no such key", kv.ErrConflict)
}

func (a *app) watch() *cli.Command {
	var after string
	var n int
	return &cli.Command{
		Name: "watch", Brief: "print changes as they happen, until interrupted", Args: "[PREFIX]",
		Detail:  "A line is revision, kind, key and value, separated by tabs; -json tells also of bytes\nthat are no text.",
		Example: "kv watch user/\nkv watch -after 17 -n 1 user/",
		Flags: func(f *flag.FlagSet) {
			f.StringVar(&after, "after", "", "begin with the changes after revision `REV` (default: from now on)")
			f.IntVar(&n, "n", 0, "end after `N` changes; 0 is never")
		},
		Run: func(ctx context.Context, args []string, std cli.Std) error {
			rev, err := parseRev(after)
			switch {
			case err != nil:
				return err
			case n < 0:
				return cli.Usagef("bad value %d for -n: want 0 or more", n)
			}
			prefix := ""
			if len(args) == 1 {
				prefix = args[0]
			}
			return a.withClient(ctx, func(ctx context.Context, c *client.Client) error {
				return a.watchAll(ctx, a.typed(c), prefix, rev, n, std.Out)
			})
		},
	}
}

func (a *app) watchAll(ctx context.Context, c *kv.Client, prefix string, after kv.Version, n int, out io.Writer) error {
	seen := 0
	for event, err := range c.Watch(ctx, prefix, after) {
		if ctx.Err() != nil {
			return nil // interrupted, which is how a watch ends
		}
		if err == nil {
			err = a.printEvent(out, event)
		}
		if err != nil {
			return err
		}
		if seen++; seen == n {
			return nil
		}
	}
	return nil
}

func (a *app) stat() *cli.Command {
	var hash bool
	return &cli.Command{
		Name: "stat", Brief: "print what the server holds and offers", Example: "kv stat -hash",
		Flags: func(f *flag.FlagSet) { f.BoolVar(&hash, "hash", false, "hash the whole state, to compare two servers") },
		Run: func(ctx context.Context, _ []string, std cli.Std) error {
			return a.with(ctx, func(ctx context.Context, c *kv.Client) error {
				s, err := c.Stat(ctx, hash)
				if err != nil {
					return err
				}
				caps := c.Offers()
				if a.json {
					return printJSON(std.Out, map[string]any{
						"stage": caps.Stage, "level": caps.Level.String(), "offers": caps.Has.String(), "keys": s.Keys, "bytes": s.Bytes,
						"sessions": s.Sessions, "leases": s.Leases, "oldest": s.Oldest.String(), "hash": fmt.Sprintf("%x", s.Hash),
					})
				}
				fmt.Fprintf(std.Out, "stage\t%d\nlevel\t%v\noffers\t%v\nkeys\t%d\nbytes\t%d\nsessions\t%d\nleases\t%d\noldest\t%v\n",
					caps.Stage, caps.Level, caps.Has, s.Keys, s.Bytes, s.Sessions, s.Leases, s.Oldest)
				if hash {
					fmt.Fprintf(std.Out, "hash\t%x\n", s.Hash)
				}
				return nil
			})
		},
	}
}
