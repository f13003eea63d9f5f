package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"strings"

	"dss.example/common/daemon/cli"
	"dss.example/common/kv"
)

// The verbs of this file ask servers whose writes are tentative at first.

// withTentative is with for what needs such servers.
func (a *app) withTentative(ctx context.Context, what string, fn func(context.Context, *kv.Client) error) error {
	return a.with(ctx, func(ctx context.Context, c *kv.Client) error {
		if !c.Offers().Has.Has(kv.CapTentative) {
			return noSuch(what, 3)
		}
		return fn(ctx, c)
	})
}

func (a *app) guarded() *cli.Command {
	var check, merge string
	return &cli.Command{
		Name: "guarded", Brief: "write if a check holds, wherever in the order the write will be", Args: "[STEP...]",
		Detail: `STEP is put KEY VALUE or del KEY; VALUE - is the standard input. PROGRAM is Starlark:
-if an expression such as 'db.get("k") == None', or what defines check(db, update);
-else what defines merge(db, update) and is run where the check does not hold. @FILE
is a program in a file. The exit code is 0 whatever became of the write: the first word
behind ok says it, applied, merged or unresolved, and that may change until the write
is stable (kv inquire).`,
		Example: `kv guarded -if 'db.get("room/9") == None' -else @next-room.star put room/9 Ada
kv guarded -if 'db.get("stock") == "0"' del stock put sold-out yes`,
		Flags: func(f *flag.FlagSet) {
			f.StringVar(&check, "if", "", "do the steps where `PROGRAM` finds that they fit (default: always)")
			f.StringVar(&merge, "else", "", "do what `PROGRAM` finds where they do not (default: nothing)")
		},
		Run: func(ctx context.Context, args []string, std cli.Std) error {
			op, err := parseGuarded(check, merge, args, std)
			if err != nil {
				return err
			}
			return a.withTentative(ctx, "guarded writes", func(ctx context.Context, c *kv.Client) error {
				resp, err := c.Do(ctx, kv.Request{Op: op})
				if err != nil {
					return err
				}
				return a.printFate(std.Out, resp)
			})
		},
	}
}

func parseGuarded(check, merge string, steps []string, std cli.Std) (op kv.Guarded, err error) {
	if op.If, err = program(check); err != nil {
		return op, err
	}
	if op.Else, err = program(merge); err != nil {
		return op, err
	}
	for input := false; len(steps) > 0; {
		switch {
		case steps[0] == "put" && len(steps) >= 3:
			if steps[2] == "-" && input {
				return op, cli.Usagef("the standard input for two values: want it once")
			}
			input = input || steps[2] == "-"
			v, err := value(steps[2], std)
			if err != nil {
				return op, err
			}
			op.Then = append(op.Then, kv.Put{Key: steps[1], Value: v})
			steps = steps[3:]
		case steps[0] == "del" && len(steps) >= 2:
			op.Then = append(op.Then, kv.Delete{Key: steps[1]})
			steps = steps[2:]
		default:
			return op, cli.Usagef("step %q: want put KEY VALUE or del KEY", strings.Join(steps, " "))
		}
	}
	if len(op.Then) == 0 && op.Else == "" {
		return op, cli.Usagef("a guarded write that does nothing: want put KEY VALUE, del KEY, or -else PROGRAM")
	}
	return op, nil
}

// program is an argument that is a program: "@FILE" names the file that holds it.
func program(arg string) (string, error) {
	name, file := strings.CutPrefix(arg, "@")
	if !file {
		return arg, nil
	}
	text, err := readSome(name, kv.MaxProgram)
	return string(text), err
}

func (a *app) printFate(w io.Writer, resp *kv.Response) error {
	fate := resp.Result.(kv.GuardedResult).Fate
	if a.json {
		return printJSON(w, map[string]any{"fate": fate.String(), "rev": resp.Rev.String(), "stable": resp.Stable})
	}
	_, err := fmt.Fprintf(w, "ok %v rev %v\n", fate, resp.Rev)
	return err
}

func (a *app) inquire() *cli.Command {
	return &cli.Command{
		Name: "inquire", Brief: "tell whether a write is stable", Args: "REV",
		Detail: `REV is what the write printed. stable, with its place among the stable writes while
the server knows it; or tentative; or unknown, and 1: this server has not heard of it.`,
		Example: "kv inquire 3.7291",
		Run: func(ctx context.Context, args []string, std cli.Std) error {
			rev, err := parseRev(args[0])
			if err != nil {
				return err
			}
			if rev.IsZero() {
				return cli.Usagef("revision %q: want what a write printed", args[0])
			}
			return a.withTentative(ctx, "inquiries", func(ctx context.Context, c *kv.Client) error {
				s, err := c.Inquire(ctx, rev)
				if err != nil {
					return err
				}
				return a.printStanding(std.Out, s)
			})
		},
	}
}

func (a *app) printStanding(w io.Writer, s kv.Standing) (err error) {
	switch {
	case a.json:
		err = printJSON(w, standingJSON{s.Known, s.Stable, s.Commit})
	case s.Stable && s.Commit > 0:
		_, err = fmt.Fprintf(w, "stable\tcommit %d\n", s.Commit)
	default:
		_, err = fmt.Fprintln(w, standing(s.Known, s.Stable))
	}
	if err == nil && !s.Known {
		return cli.Exit(cli.NotDone)
	}
	return err
}

func standing(known, stable bool) string {
	switch {
	case !known:
		return "unknown"
	case stable:
		return "stable"
	}
	return "tentative"
}

type standingJSON struct {
	Known  bool   `json:"known"`
	Stable bool   `json:"stable"`
	Commit uint64 `json:"commit,omitempty"`
}

func (a *app) conflicts() *cli.Command {
	return &cli.Command{
		Name: "conflicts", Brief: "print the writes that could not be done",
		Detail: `A line is revision, stable or tentative, the server that took the write, why it could
not be done, and each step of what it was to do, separated by tabs; of a large one the
keys only. A tentative one may be done yet, when the order of writes changes. -json
tells also of bytes that are no text.`,
		Example: "kv conflicts\nkv -stable conflicts",
		Run: func(ctx context.Context, _ []string, std cli.Std) error {
			return a.withTentative(ctx, "conflicts", func(ctx context.Context, c *kv.Client) error {
				return a.printConflicts(ctx, c, std.Out)
			})
		},
	}
}

// printConflicts prints all pages.
func (a *app) printConflicts(ctx context.Context, c *kv.Client, w io.Writer) error {
	var after kv.Version
	for {
		page, err := c.Conflicts(ctx, after, 0)
		if err != nil {
			return err
		}
		for _, one := range page.List {
			if err := a.printConflict(w, one); err != nil {
				return err
			}
			after = one.Write
		}
		if !page.More {
			return nil
		}
	}
}

func (a *app) printConflict(w io.Writer, c kv.Conflicted) error {
	if a.json {
		return printJSON(w, jsonConflict(c))
	}
	columns := []string{c.Write.String(), standing(true, c.Stable), c.Server, c.Text}
	for _, op := range c.Then {
		columns = append(columns, (&kv.Request{Op: op}).String())
	}
	for i, text := range columns {
		columns[i] = strings.Join(strings.Fields(text), " ") // whatever the server wrote
	}
	_, err := fmt.Fprintln(w, strings.Join(columns, "\t"))
	return err
}

type (
	conflictJSON struct {
		Rev    string     `json:"rev"`
		Stable bool       `json:"stable"`
		Server string     `json:"server"`
		Why    string     `json:"why"`
		Steps  []stepJSON `json:"steps"`
	}
	stepJSON struct {
		Step string   `json:"step"`
		Item itemJSON `json:"item"`
	}
)

func jsonConflict(c kv.Conflicted) conflictJSON {
	j := conflictJSON{Rev: c.Write.String(), Stable: c.Stable, Server: c.Server, Why: c.Text, Steps: []stepJSON{}}
	for _, op := range c.Then {
		switch op := op.(type) {
		case kv.Put:
			j.Steps = append(j.Steps, stepJSON{"put", jsonItem(kv.Item{Key: op.Key, Value: op.Value})})
		case kv.Delete:
			j.Steps = append(j.Steps, stepJSON{"del", jsonKey(kv.Item{Key: op.Key})})
		}
	}
	return j
}
