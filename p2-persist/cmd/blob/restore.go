package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"

	"dss.example/common/daemon/cli"

	"dss.example/p2-persist/dir"
)

func (a *app) restore() *cli.Command {
	var at string
	var o dir.RestoreOptions
	return &cli.Command{
		Name: "restore", Brief: "copy a directory out of the store", Args: "SPEC TARGET",
		Detail: `TARGET is made if it is missing; what else is in it stays. Files that are there with the
same bytes and time are left, so the same command goes on after an interrupt. Nothing
outside of TARGET is touched, and symbolic links that lead out of it are refused. What
cannot be restored is listed, and the exit code is 1.`,
		Example: "blob restore main /tmp/doc\nblob restore -at 3h -existing replace main:letters ~/letters",
		Flags: func(f *flag.FlagSet) {
			o = dir.RestoreOptions{}
			atFlag(f, &at)
			f.Func("existing", "`WHAT` to do with a file that is there and differs: refuse, keep or replace (default refuse)", func(s string) (err error) {
				o.Existing, err = parseExisting(s)
				return err
			})
			f.BoolVar(&o.AnySymlink, "any-symlink", false, "make symbolic links that lead out of TARGET too")
			f.BoolVar(&a.exact, "bytes", false, "print sizes in bytes")
		},
		Run: func(ctx context.Context, args []string, std cli.Std) error {
			return a.with(ctx, std, func(ctx context.Context, s *store) error {
				return s.restore(ctx, args[0], at, args[1], o)
			})
		},
	}
}

func parseExisting(s string) (dir.Existing, error) {
	switch s {
	case "refuse":
		return dir.Refuse, nil
	case "keep":
		return dir.Keep, nil
	case "replace":
		return dir.Replace, nil
	}
	return 0, errors.New("want refuse, keep or replace")
}

func (s *store) restore(ctx context.Context, spec, at, target string, o dir.RestoreOptions) error {
	s.kept = "what was restored stays: the same command goes on from there"
	id, err := s.directory(spec, at)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(target, 0o755); err != nil {
		return err
	}
	root, err := os.OpenRoot(target)
	if err != nil {
		return err
	}
	defer root.Close() // it was only read
	p := s.progress()
	o.Progress = func(now dir.RestoreStats) {
		p.show(func() string { return fmt.Sprintf("%s, %s", plural(now.Files, "file"), s.size(now.Bytes)) })
	}
	stats, err := dir.Restore(ctx, s.Blobs, id, root, o)
	p.done()
	s.report(stats.Problems)
	if errors.Is(err, dir.ErrIncomplete) {
		err = fmt.Errorf("%s could not be restored", plural(stats.Problems.Count, "path"))
	}
	if err != nil {
		return err
	}
	line := fmt.Sprintf("%s, %s: %s written", plural(stats.Files, "file"), s.size(stats.Bytes), s.size(stats.BytesWritten))
	if stats.Kept > 0 {
		line += fmt.Sprintf(", %d kept", stats.Kept)
	}
	_, err = fmt.Fprintln(s.Err, line)
	return err
}
