package main

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"io"
	"iter"
	"os"

	"dss.example/common/blob"
	"dss.example/common/daemon/cli"

	"dss.example/p2-persist/car"
	"dss.example/p2-persist/history"
)

func (a *app) exportTo() *cli.Command {
	var out string
	return &cli.Command{
		Name: "export", Brief: "write all that SPECs lead to as one CAR", Args: "SPEC...",
		Detail: `A CAR (version 1) is read by every tool of IPLD, and by import. A snapshot brings all those
before it; main:. brings its directory only. The file appears when it is whole.`,
		Example: "blob export -o main.car main\nblob export main | ssh elsewhere blob import -branch main -",
		Flags:   func(f *flag.FlagSet) { f.StringVar(&out, "o", "-", "write `FILE`; - is the standard output") },
		Run: func(ctx context.Context, args []string, std cli.Std) error {
			if out == "-" && isTerminal(std.Out) {
				return cli.Usagef("flag -o is missing: a CAR is nothing for a terminal")
			}
			return a.with(ctx, std, func(ctx context.Context, s *store) error {
				s.kept = "nothing was written under the name: want to begin again"
				if out == "-" {
					return s.export(ctx, std.Out, args)
				}
				return whole(out, func(f *os.File) error { return s.export(ctx, f, args) })
			})
		},
	}
}

func (s *store) export(ctx context.Context, w io.Writer, specs []string) error {
	roots := []blob.ID{}
	for _, spec := range specs {
		t, err := s.find(spec, "")
		if err == nil && t.ID.IsZero() {
			err = fmt.Errorf("%s is a symbolic link, which is no blob: want its directory", spec)
		}
		if err != nil {
			return err
		}
		roots = append(roots, t.ID)
	}
	p, n := s.progress(), 0
	defer p.done()
	buffered := bufio.NewWriterSize(w, 1<<20)
	stats, err := car.Export(buffered, s.Blobs, roots, func(yield func(blob.ID, error) bool) {
		for id, err := range history.Mark(s.Blobs, roots...) {
			if err == nil {
				err = ctx.Err()
			}
			n++
			p.show(func() string { return plural(n, "blob") })
			if !yield(id, err) {
				return
			}
		}
	})
	if err == nil {
		err = buffered.Flush()
	}
	if err != nil {
		return err
	}
	p.done()
	_, err = fmt.Fprintf(s.Err, "%s, %s\n", plural(stats.Blocks, "blob"), s.size(stats.Bytes))
	return err
}

func (a *app) importFrom() *cli.Command {
	var o importOptions
	return &cli.Command{
		Name: "import", Brief: "take all blobs of a CAR, and print its roots", Args: "FILE",
		Detail: `FILE - is the standard input. Every blob is checked; to import twice does no harm, and
finishes what was interrupted. Without a name gc deletes what nothing else leads to: give
-branch for a snapshot (a branch that is there must be in its past, unless -force), or
-head for anything.`,
		Example: "blob import -branch main main.car",
		Flags: func(f *flag.FlagSet) {
			o = importOptions{}
			f.StringVar(&o.branch, "branch", "", "point branch `NAME` to the root")
			f.StringVar(&o.head, "head", "", "let `NAME` stand for the root")
			f.BoolVar(&o.force, "force", false, "move the branch wherever it is")
			f.BoolVar(&a.json, "json", false, "print what it took as JSON on the standard output")
		},
		Run: func(ctx context.Context, args []string, std cli.Std) error {
			for name, value := range map[string]string{"branch": o.branch, "head": o.head} {
				if value != "" && history.CheckName(value) != nil {
					return cli.Usagef("bad value %q for -%s: %v", value, name, history.CheckName(value))
				}
			}
			in, err := source(ctx, args[0], std)
			if err != nil {
				return err
			}
			defer in.Close() // it was only read
			return a.withNew(ctx, std, func(ctx context.Context, s *store) error { return s.importCAR(ctx, in, o) })
		},
	}
}

type importOptions struct {
	branch, head string
	force        bool
}

// imported is what an import took, for -json.
type imported struct {
	Roots   []blob.ID `json:"roots"`
	Carried int64     `json:"blobs"`
	Bytes   int64     `json:"bytes"`
	written
}

func (s *store) importCAR(ctx context.Context, in io.Reader, o importOptions) error {
	s.kept = "what was imported is kept, no name has changed: the same command goes on"
	if err := s.mustBeNoRef(o.head); err != nil {
		return err
	}
	p, read := s.progress(), int64(0)
	roots, stats, err := car.Import(s.Blobs, io.TeeReader(in, counter(func(n int) {
		read += int64(n)
		p.show(func() string { return s.size(read) + " read" })
	})))
	p.done()
	if err == nil {
		err = s.Blobs.Sync()
	}
	if err == nil {
		err = s.mustBeWhole(ctx, roots)
	}
	if err == nil {
		err = s.nameRoots(roots, o)
	}
	if err != nil {
		return err
	}
	return s.printImported(roots, stats)
}

// mustBeWhole demands all that the roots lead to.
func (s *store) mustBeWhole(ctx context.Context, roots []blob.ID) error {
	missing, first := 0, blob.ID{}
	for batch, err := range batches(history.Mark(s.Blobs, roots...)) {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return fmt.Errorf("all blobs of the CAR are stored, but they are not all that its roots lead to: %w", err)
		}
		infos, err := s.Blobs.Stat(batch)
		if err != nil {
			return err
		}
		for _, info := range infos {
			if info.Size < 0 {
				missing++
				first = info.ID
			}
		}
	}
	if missing > 0 {
		return fmt.Errorf("all blobs of the CAR are stored, but its roots lead to %s that are not there: %v is one",
			plural(missing, "blob"), first)
	}
	return nil
}

// batches puts IDs together for calls about many.
func batches(ids iter.Seq2[blob.ID, error]) iter.Seq2[[]blob.ID, error] {
	return func(yield func([]blob.ID, error) bool) {
		batch := make([]blob.ID, 0, blob.MaxBatch)
		for id, err := range ids {
			if err != nil {
				yield(nil, err)
				return
			}
			if batch = append(batch, id); len(batch) == cap(batch) {
				if !yield(batch, nil) {
					return
				}
				batch = batch[:0]
			}
		}
		yield(batch, nil)
	}
}

// nameRoots lets names lead to the root.
func (s *store) nameRoots(roots []blob.ID, o importOptions) error {
	if o.branch == "" && o.head == "" {
		return nil
	}
	if len(roots) != 1 {
		return fmt.Errorf("the CAR has %s: want one for -branch and -head", plural(len(roots), "root"))
	}
	if o.branch != "" {
		if err := s.advance(o.branch, roots[0], o.force); err != nil {
			return err
		}
	}
	if o.head == "" {
		return nil
	}
	return s.nameFile(o.head, roots[0])
}

// advance moves a branch to a snapshot that came after its tip, or makes it.
func (s *store) advance(branch string, id blob.ID, force bool) error {
	tip, err := s.tip(branch)
	if err != nil {
		return err
	}
	isAfter := force || tip.ID.IsZero()
	for e, err := range history.Log(s.Blobs, id) {
		if err != nil {
			return fmt.Errorf("-branch %s: %w", branch, err)
		}
		if isAfter = isAfter || e.ID == tip.ID; isAfter {
			return s.SetBranch(branch, tip.ID, id)
		}
	}
	return fmt.Errorf("branch %s is at %v, which is not in the past of the root: want another -branch, or -force", branch, tip.ID)
}

func (s *store) printImported(roots []blob.ID, stats car.Stats) error {
	if s.json {
		return printJSON(s.Out, imported{roots, stats.Blocks, stats.Bytes, s.written()})
	}
	for _, id := range roots {
		if _, err := fmt.Fprintln(s.Out, id); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(s.Err, "%s, %s: %s stored\n", plural(stats.Blocks, "blob"), s.size(stats.Bytes), s.size(s.Blobs.Stats().PutBytes))
	return err
}
