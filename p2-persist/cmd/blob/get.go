package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"time"

	"dss.example/common/daemon/cli"

	"dss.example/p2-persist/file"
)

// atFlag declares the flag that travels back in time.
func atFlag(f *flag.FlagSet, at *string) {
	f.StringVar(at, "at", "", "as it was at `TIME`: 2026-01-02, 2026-01-02T15:04:05Z, or 3h for three hours ago")
}

func (a *app) cat() *cli.Command {
	var at string
	return &cli.Command{
		Name: "cat", Brief: "print a file", Args: "SPEC",
		Example: "blob cat main:doc/guide.txt\nblob cat -at 3h main:doc/guide.txt",
		Flags:   func(f *flag.FlagSet) { atFlag(f, &at) },
		Run: func(ctx context.Context, args []string, std cli.Std) error {
			return a.with(ctx, std, func(ctx context.Context, s *store) error {
				t, err := s.contents(args[0], at)
				if err != nil {
					return err
				}
				f, err := file.Open(s.Blobs, t.ID)
				if err != nil {
					return err
				}
				_, err = f.WriteTo(untilDoneWriter{ctx, std.Out})
				return err
			})
		},
	}
}

// untilDoneWriter writes until a context ends.
type untilDoneWriter struct {
	ctx context.Context
	w   io.Writer
}

func (u untilDoneWriter) Write(b []byte) (int, error) {
	if err := u.ctx.Err(); err != nil {
		return 0, err
	}
	return u.w.Write(b)
}

func (a *app) get() *cli.Command {
	var at, out string
	var force bool
	return &cli.Command{
		Name: "get", Brief: "copy a file out of the store", Args: "SPEC",
		Detail: `The file appears under its name when it is whole, with its mode and time; holes stay
holes. Until then it is NAME.blob-part.`,
		Example: "blob get main:doc/guide.txt\nblob get -at 2026-01-02 -o old.txt main:doc/guide.txt",
		Flags: func(f *flag.FlagSet) {
			atFlag(f, &at)
			f.StringVar(&out, "o", "", "write `FILE`; without it the last name of SPEC's path, here")
			f.BoolVar(&force, "force", false, "replace a file that is there")
		},
		Run: func(ctx context.Context, args []string, std cli.Std) error {
			name := out
			if _, inside := splitSpec(args[0]); name == "" && inside != "" {
				name = path.Base(inside)
			}
			if name == "" || name == "." {
				return cli.Usagef("flag -o is missing: %q has no path to take a name from", args[0])
			}
			return a.with(ctx, std, func(ctx context.Context, s *store) error {
				t, err := s.contents(args[0], at)
				if err == nil && !force {
					err = mustBeFree(name)
				}
				if err != nil {
					return err
				}
				return s.get(ctx, t, name)
			})
		},
	}
}

func mustBeFree(name string) error {
	_, err := os.Lstat(name)
	if err == nil {
		return fmt.Errorf("%s: %w: want another name by -o, or -force", name, fs.ErrExist)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// get copies a file out, whole or not at all.
func (s *store) get(ctx context.Context, t thing, name string) error {
	s.kept = name + " is as it was"
	f, err := file.Open(s.Blobs, t.ID)
	if err != nil {
		return err
	}
	return whole(name, func(out *os.File) error {
		if err := s.copyOut(ctx, out, f); err != nil || t.Entry.Name == "" {
			return err
		}
		mtime := time.Unix(0, t.Entry.Mtime)
		return errors.Join(out.Chmod(t.Entry.Mode), os.Chtimes(out.Name(), mtime, mtime))
	})
}

// whole lets write fill a file that gets its name when it is complete.
func whole(name string, write func(*os.File) error) error {
	part := name + ".blob-part"
	if err := os.Remove(part); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	out, err := os.OpenFile(part, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	if err = errors.Join(write(out), out.Close()); err == nil {
		err = os.Rename(part, name)
	}
	if err != nil {
		return errors.Join(err, os.Remove(part))
	}
	return nil
}

// copyOut writes what a file holds and leaves its holes out: they may be larger than any
// disk.
func (s *store) copyOut(ctx context.Context, out *os.File, f *file.File) error {
	p := s.progress()
	defer p.done()
	for span, err := range f.Spans(0) {
		if err == nil {
			err = ctx.Err()
		}
		if err == nil && span.Data != nil {
			_, err = out.WriteAt(span.Data, span.Offset)
		}
		if err != nil {
			return err
		}
		p.show(func() string { return fmt.Sprintf("%s of %s", s.size(span.Offset), s.size(f.Size())) })
	}
	return out.Truncate(f.Size())
}
