package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"slices"
	"strings"

	"dss.example/common/blob"
	"dss.example/common/daemon/cli"

	"dss.example/p2-persist/head"
	"dss.example/p2-persist/history"
)

// snapshotJSON is a snapshot for -json.
type snapshotJSON struct {
	ID      blob.ID   `json:"id"`
	Time    string    `json:"time"`
	Author  string    `json:"author"`
	Message string    `json:"message"`
	Root    blob.ID   `json:"root"`
	Parents []blob.ID `json:"parents"`
	Names   []string  `json:"names,omitempty"` // branches and tags that lead here
}

func (a *app) log() *cli.Command {
	var at string
	var n int
	var short bool
	return &cli.Command{
		Name: "log", Brief: "show the snapshots of a branch, newest first", Args: "[SPEC]",
		Detail:  "Without SPEC it shows main. Beside an ID stand the branches and tags that lead to it.",
		Example: "blob log -n 5\nblob log -short photos",
		Flags: func(f *flag.FlagSet) {
			atFlag(f, &at)
			f.IntVar(&n, "n", 0, "show `N` snapshots; 0 is all")
			f.BoolVar(&short, "short", false, "print a line for each")
			f.BoolVar(&a.json, "json", false, "print JSON")
		},
		Run: func(ctx context.Context, args []string, std cli.Std) error {
			if n < 0 {
				return cli.Usagef("bad value %d for -n: want 0 or more", n)
			}
			return a.with(ctx, std, func(ctx context.Context, s *store) error {
				id, err := s.resolve(orMain(args) + moment(at))
				if err != nil {
					return err
				}
				return s.log(ctx, id, n, short)
			})
		},
	}
}

// log prints n snapshots from id back; 0 is all.
func (s *store) log(ctx context.Context, id blob.ID, n int, short bool) error {
	names, err := s.names()
	if err != nil {
		return err
	}
	for e, err := range history.Log(s.Blobs, id) {
		if err == nil {
			err = ctx.Err()
		}
		if err == nil && e.ID != id && !short && !s.json {
			_, err = fmt.Fprintln(s.Out)
		}
		if err == nil {
			err = s.printSnapshot(e, names[e.ID], short)
		}
		if err != nil {
			return err
		}
		if n--; n == 0 {
			break
		}
	}
	return nil
}

// names returns the branches and tags that lead to each snapshot.
func (s *store) names() (map[blob.ID][]string, error) {
	branches, err := s.Branches()
	tags, err2 := s.Tags()
	names := map[blob.ID][]string{}
	for _, r := range branches {
		names[r.ID] = append(names[r.ID], r.Name)
	}
	for _, r := range tags {
		names[r.ID] = append(names[r.ID], "tag "+r.Name)
	}
	return names, errors.Join(err, err2)
}

func (s *store) printSnapshot(e history.Entry, names []string, short bool) error {
	if s.json {
		return printJSON(s.Out, snapshotJSON{e.ID, exactly(e.Time), e.Author, e.Message, e.Root, append([]blob.ID{}, e.Parents...), names})
	}
	beside := ""
	if len(names) > 0 {
		beside = "  (" + strings.Join(names, ", ") + ")"
	}
	if short {
		first, _, _ := strings.Cut(e.Message, "\n")
		_, err := fmt.Fprintf(s.Out, "%v  %s  %s%s\n", e.ID, when(e.Time), clean(first), beside)
		return err
	}
	text := fmt.Sprintf("snapshot %v%s\n  %s  %s\n", e.ID, beside, when(e.Time), clean(e.Author))
	for line := range strings.Lines(e.Message) {
		text += strings.TrimRight("    "+clean(strings.TrimRight(line, "\n")), " ") + "\n"
	}
	_, err := fmt.Fprint(s.Out, text)
	return err
}

// refs is what branch and tag have in common.
type refs struct {
	list   func(*store) ([]history.Ref, error)
	make   func(s *store, name string, id blob.ID) error
	delete func(s *store, name string) error
}

func (a *app) branch() *cli.Command {
	var move bool
	r := refs{
		list: func(s *store) ([]history.Ref, error) { return s.Branches() },
		make: func(s *store, name string, id blob.ID) error {
			old, err := s.tip(name)
			if err != nil {
				return err
			}
			if !old.ID.IsZero() && old.ID != id && !move {
				return fmt.Errorf("branch %s is there, at %v: want another name, or -move", name, old.ID)
			}
			return s.SetBranch(name, old.ID, id)
		},
		delete: func(s *store, name string) error {
			old, err := s.tip(name)
			if err != nil {
				return err
			}
			return s.DeleteBranch(name, old.ID)
		},
	}
	c := a.refs("branch", r, func(f *flag.FlagSet) { f.BoolVar(&move, "move", false, "point a branch that is there to SPEC") })
	c.Brief = "list branches, or make, move or delete one"
	c.Detail = `Without NAME it lists them; without SPEC a new branch begins at main. What a branch that
was moved or deleted has left, gc deletes, if nothing else leads to it.`
	c.Example = "blob branch\nblob branch experiment main~2\nblob branch -delete experiment"
	return c
}

func (a *app) tag() *cli.Command {
	c := a.refs("tag", refs{
		list:   func(s *store) ([]history.Ref, error) { return s.Tags() },
		make:   func(s *store, name string, id blob.ID) error { return s.Tag(name, id) },
		delete: func(s *store, name string) error { return s.DeleteTag(name) },
	}, nil)
	c.Brief = "list tags, or make or delete one"
	c.Detail = "Without NAME it lists them; without SPEC a new tag names main's newest snapshot. Tags never move."
	c.Example = "blob tag v1\nblob tag -delete v1"
	return c
}

// refs returns the verb of branches or tags.
func (a *app) refs(name string, r refs, more func(*flag.FlagSet)) *cli.Command {
	var remove bool
	return &cli.Command{
		Name: name, Args: "[NAME] [SPEC]",
		Flags: func(f *flag.FlagSet) {
			f.BoolVar(&remove, "delete", false, "delete NAME")
			f.BoolVar(&a.json, "json", false, "print the list as JSON")
			if more != nil {
				more(f)
			}
		},
		Run: func(ctx context.Context, args []string, std cli.Std) error {
			if remove && len(args) != 1 {
				return cli.Usagef("-delete wants one NAME, got %d arguments", len(args))
			}
			return a.with(ctx, std, func(_ context.Context, s *store) error {
				switch {
				case remove:
					return r.delete(s, args[0])
				case len(args) == 0:
					return s.printRefs(r.list(s))
				}
				id, err := s.resolve(orMain(args[1:]))
				if err != nil {
					return err
				}
				return r.make(s, args[0], id)
			})
		},
	}
}

// refJSON is a branch or tag for -json.
type refJSON struct {
	Name string  `json:"name"`
	ID   blob.ID `json:"id"`
}

// printRefs prints a list, also if not all of it could be read.
func (s *store) printRefs(refs []history.Ref, err error) error {
	for _, r := range refs {
		e := error(nil)
		if s.json {
			e = printJSON(s.Out, refJSON{r.Name, r.ID})
		} else {
			_, e = fmt.Fprintf(s.Out, "%v  %s\n", r.ID, r.Name)
		}
		if e != nil {
			return e
		}
	}
	return err
}

func (a *app) head() *cli.Command {
	var remove bool
	return &cli.Command{
		Name: "head", Brief: "list all names that keep something, or delete one", Args: "[HEAD]",
		Detail: `A line is an ID, how often the head was set, and the head: branch/NAME, tag/NAME, file/NAME of
put, and those of other programs. It is the way to be rid of a damaged one, of which
nobody knows where it led.`,
		Example: "blob head\nblob head -delete file/notes",
		Flags:   func(f *flag.FlagSet) { f.BoolVar(&remove, "delete", false, "delete HEAD") },
		Run: func(ctx context.Context, args []string, std cli.Std) error {
			if remove != (len(args) == 1) {
				return cli.Usagef("-delete and HEAD belong together: want both or neither")
			}
			return a.with(ctx, std, func(_ context.Context, s *store) error {
				if remove {
					return s.Heads.Delete(args[0], head.Any)
				}
				heads, err := s.Heads.List()
				for h := range slices.Values(heads) {
					fmt.Fprintf(s.Out, "%v  %d  %s\n", h.ID, h.Generation, h.Name)
				}
				return err
			})
		},
	}
}
