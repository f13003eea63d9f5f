package main

import (
	"context"
	"flag"
	"fmt"
	"io/fs"
	"iter"
	"strings"

	"dss.example/common/blob"
	"dss.example/common/daemon/cli"

	"dss.example/p2-persist/dir"
)

// entryJSON is an entry of a directory for -json.
type entryJSON struct {
	Path   string   `json:"path,omitempty"`
	Kind   dir.Kind `json:"kind"`
	Mode   string   `json:"mode,omitempty"`
	Size   int64    `json:"size"`
	Mtime  string   `json:"mtime,omitempty"`
	ID     *blob.ID `json:"id,omitempty"`
	Target string   `json:"target,omitempty"`
}

func jsonEntry(path string, e dir.Entry) entryJSON {
	j := entryJSON{Path: path, Kind: e.Kind, Size: e.Size, Target: e.Target}
	if e.Kind != dir.Symlink {
		j.Mode, j.Mtime, j.ID = fmt.Sprintf("%04o", e.Mode), exactly(e.Mtime), &e.Link
	}
	return j
}

// label is a name as listings show it: directories end in a slash.
func label(path string, e dir.Entry) string {
	switch e.Kind {
	case dir.Dir:
		return printable(path) + "/"
	case dir.Symlink:
		return printable(path) + " -> " + printable(e.Target)
	}
	return printable(path)
}

func (a *app) ls() *cli.Command {
	var o lsOptions
	return &cli.Command{
		Name: "ls", Brief: "list a directory", Args: "[SPEC]",
		Detail:  `Without SPEC it lists main. Names that would not just stand there are quoted.`,
		Example: "blob ls main:doc\nblob ls -l -R -at 2w",
		Flags: func(f *flag.FlagSet) {
			o = lsOptions{}
			atFlag(f, &o.at)
			a.printFlags(f)
			f.BoolVar(&o.long, "l", false, "print mode, size and time too")
			f.BoolVar(&o.deep, "R", false, "list all that is below, too")
		},
		Run: func(ctx context.Context, args []string, std cli.Std) error {
			return a.with(ctx, std, func(ctx context.Context, s *store) error { return s.ls(ctx, orMain(args), o) })
		},
	}
}

// mainBranch is what is meant if nothing is said.
const mainBranch = "main"

func orMain(args []string) string {
	if len(args) == 0 {
		return mainBranch
	}
	return args[0]
}

type lsOptions struct {
	at         string
	long, deep bool
}

func (s *store) ls(ctx context.Context, spec string, o lsOptions) error {
	t, err := s.find(spec, o.at)
	if err != nil {
		return err
	}
	if t.Entry.Name != "" && t.Kind != dir.Dir {
		return s.printEntry(t.Entry.Name, t.Entry, o.long)
	}
	root, err := s.directoryOf(spec, t)
	if err != nil {
		return err
	}
	for item, err := range s.below(root, o.deep) {
		if err == nil {
			err = ctx.Err()
		}
		if err == nil {
			err = s.printEntry(item.Path, item.Entry, o.long)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// below goes through the entries of a directory, or through all that is below it.
func (s *store) below(root blob.ID, deep bool) iter.Seq2[dir.Item, error] {
	if deep {
		return dir.Walk(s.Blobs, root)
	}
	return func(yield func(dir.Item, error) bool) {
		d, err := dir.Load(s.Blobs, root)
		if err != nil {
			yield(dir.Item{}, err)
			return
		}
		for e, err := range d.Entries() {
			if !yield(dir.Item{Path: e.Name, Entry: e}, err) {
				return
			}
		}
	}
}

func (s *store) printEntry(path string, e dir.Entry, long bool) error {
	if s.json {
		return printJSON(s.Out, jsonEntry(path, e))
	}
	if !long {
		_, err := fmt.Fprintln(s.Out, label(path, e))
		return err
	}
	mode, mtime, size := e.Mode, when(e.Mtime), "-"
	switch e.Kind {
	case dir.File:
		size = s.size(e.Size)
	case dir.Dir:
		mode |= fs.ModeDir
	case dir.Symlink:
		mode, mtime = fs.ModeSymlink|fs.ModePerm, "-"
	}
	_, err := fmt.Fprintf(s.Out, "%s %10s  %-20s  %s\n", strings.ToLower(mode.String()), size, mtime, label(path, e))
	return err
}

func (a *app) tree() *cli.Command {
	var at string
	var depth int
	return &cli.Command{
		Name: "tree", Brief: "draw a directory, and what another shares with it", Args: "[SPEC] [OTHER]",
		Detail: `With OTHER, what is the same there and is stored only once begins with "=", what
differs with "M", what is here alone with "+"; directories that are the same stay closed.`,
		Example: "blob tree main\nblob tree main main~1",
		Flags: func(f *flag.FlagSet) {
			atFlag(f, &at)
			f.IntVar(&depth, "depth", 0, "go down `N` directories; 0 is all")
			f.BoolVar(&a.exact, "bytes", false, "print sizes in bytes")
		},
		Run: func(ctx context.Context, args []string, std cli.Std) error {
			if depth < 0 {
				return cli.Usagef("bad value %d for -depth: want 0 or more", depth)
			}
			return a.with(ctx, std, func(ctx context.Context, s *store) error {
				root, err := s.directory(orMain(args), at)
				if err != nil {
					return err
				}
				t := drawing{store: s, ctx: ctx, depth: depth}
				if len(args) == 2 {
					t.compares = true
					if t.other, err = s.directory(args[1], ""); err != nil {
						return err
					}
				}
				return t.draw(root)
			})
		},
	}
}

// drawing is one tree that is drawn.
type drawing struct {
	*store
	ctx      context.Context
	depth    int
	compares bool
	other    blob.ID

	dirs, files  int64
	bytes, alike int64 // of files; of those that are the same in the other
}

func (d *drawing) draw(root blob.ID) error {
	if err := d.directory(root, d.other, 1); err != nil {
		return err
	}
	line := fmt.Sprintf("%s, %s, %s", plural(d.dirs, "directory"), plural(d.files, "file"), d.size(d.bytes))
	if d.compares {
		line += fmt.Sprintf(", %s of it shared", d.size(d.alike))
	}
	_, err := fmt.Fprintln(d.Out, line)
	return err
}

// directory draws what is in a directory. other is what stands at its place in the other
// tree, zero if nothing does.
func (d *drawing) directory(id, other blob.ID, depth int) error {
	if depth > dir.MaxDepth {
		return dir.ErrTooDeep
	}
	var there dir.Directory // empty
	here, err := dir.Load(d.Blobs, id)
	if err == nil && !other.IsZero() {
		there, err = dir.Load(d.Blobs, other)
	}
	if err != nil {
		return err
	}
	for e, err := range here.Entries() {
		if err == nil {
			err = d.ctx.Err()
		}
		before := dir.Entry{}
		if err == nil && !other.IsZero() {
			before, _, err = there.Lookup(e.Name)
		}
		if err == nil {
			err = d.entry(e, before, depth)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// entry draws an entry and what is below it.
func (d *drawing) entry(e, before dir.Entry, depth int) error {
	same := before.Kind == e.Kind && before.Link == e.Link && before.Target == e.Target
	sign := ""
	switch {
	case !d.compares:
	case same:
		sign = "= "
	case before.Name != "":
		sign = "M "
	default:
		sign = "+ "
	}
	line := strings.Repeat("  ", depth-1) + label(e.Name, e)
	if e.Kind == dir.File {
		line += "  " + d.size(e.Size)
		d.files++
		d.bytes += e.Size
		if same {
			d.alike += e.Size
		}
	}
	if _, err := fmt.Fprintln(d.Out, sign+line); err != nil || e.Kind != dir.Dir {
		return err
	}
	d.dirs++
	switch {
	case d.compares && same, depth == d.depth:
		return d.count(e.Link, same)
	case before.Kind != dir.Dir:
		before.Link = blob.ID{}
	}
	return d.directory(e.Link, before.Link, depth+1)
}

// count counts what is below a directory that stays closed.
func (d *drawing) count(id blob.ID, same bool) error {
	for item, err := range dir.Walk(d.Blobs, id) {
		if err == nil {
			err = d.ctx.Err()
		}
		if err != nil {
			return err
		}
		switch item.Kind {
		case dir.Dir:
			d.dirs++
		case dir.File:
			d.files++
			d.bytes += item.Size
			if same {
				d.alike += item.Size
			}
		}
	}
	return nil
}
