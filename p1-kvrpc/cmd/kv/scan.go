package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"iter"

	"dss.example/common/daemon/cli"
	"dss.example/common/kv"
)

func (a *app) scan() *cli.Command {
	var scan kv.Scan
	var at string
	return &cli.Command{
		Name: "scan", Brief: "print keys and values in order", Args: "[PREFIX]",
		Detail: `A line is key and value, separated by a tab; -json tells also of bytes that are no
text. All pages show one revision, if the server offers revisions.`,
		Example: "kv scan user/\nkv scan -from b -to d -keys\nkv scan -limit 10 -desc",
		Flags: func(f *flag.FlagSet) {
			scan = kv.Scan{}
			f.StringVar(&scan.From, "from", "", "begin at `KEY`, instead of a prefix")
			f.StringVar(&scan.To, "to", "", "end before `KEY`")
			f.StringVar(&at, "at", "", "read the state of revision `REV`")
			f.IntVar(&scan.Limit, "limit", 0, "print at most `N` keys; 0 is all")
			f.BoolVar(&scan.KeysOnly, "keys", false, "print keys only")
			f.BoolVar(&scan.CountOnly, "count", false, "print the number of keys only")
			f.BoolVar(&scan.Descending, "desc", false, "from the last key down")
		},
		Run: func(ctx context.Context, args []string, std cli.Std) error {
			rev, err := parseRev(at)
			switch {
			case err != nil:
				return err
			case scan.Limit < 0:
				return cli.Usagef("bad value %d for -limit: want 0 or more", scan.Limit)
			case len(args) == 1 && (scan.From != "" || scan.To != ""):
				return cli.Usagef("a prefix and -from or -to exclude each other")
			case len(args) == 1:
				scan.From, scan.To = args[0], kv.PrefixEnd(args[0])
			}
			if scan.CountOnly {
				return a.with(ctx, func(ctx context.Context, c *kv.Client) error { return a.count(ctx, c.At(rev), scan, std.Out) })
			}
			return a.with(ctx, func(ctx context.Context, c *kv.Client) error {
				for item, err := range pages(ctx, c, rev, scan) {
					if err == nil {
						err = a.printItem(std.Out, item, scan.KeysOnly)
					}
					if err != nil {
						return err
					}
				}
				return nil
			})
		},
	}
}

func (a *app) count(ctx context.Context, c *kv.Client, scan kv.Scan, out io.Writer) error {
	items, err := c.Scan(ctx, scan)
	switch {
	case err != nil:
		return err
	case a.json:
		return printJSON(out, map[string]int{"count": items.Count})
	}
	_, err = fmt.Fprintln(out, items.Count)
	return err
}

// pages does a scan of any length in either direction. Without a revision to read
// at, all pages show that of the first, where there are revisions.
func pages(ctx context.Context, c *kv.Client, at kv.Version, scan kv.Scan) iter.Seq2[kv.Item, error] {
	return func(yield func(kv.Item, error) bool) {
		for scan := scan; ; {
			resp, err := c.At(at).Do(ctx, kv.Request{Op: scan})
			if err != nil {
				yield(kv.Item{}, err)
				return
			}
			page := resp.Result.(kv.Items)
			for _, item := range page.List {
				if !yield(item, nil) {
					return
				}
			}
			if !page.More || len(page.List) == scan.Limit {
				return
			}
			if scan.Limit > 0 {
				scan.Limit -= len(page.List)
			}
			if last := page.List[len(page.List)-1].Key; scan.Descending {
				scan.To = last
			} else {
				scan.From = last + "\x00"
			}
			if at.IsZero() && c.Offers().Has.Has(kv.CapRevisions) {
				at = resp.Rev
			}
		}
	}
}
