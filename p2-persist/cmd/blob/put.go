package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"time"

	"dss.example/common/blob"
	"dss.example/common/daemon/cli"

	"dss.example/p2-persist/chunk"
	"dss.example/p2-persist/file"
	"dss.example/p2-persist/head"
	"dss.example/p2-persist/history"
	"dss.example/p2-persist/object"
)

// cutterFlag declares the flag that chooses how files are cut.
func cutterFlag(f *flag.FlagSet, c *chunk.Cutter) {
	*c = chunk.Default()
	f.Func("chunk", "cut files by `NAME`: fixed:SIZE, rabin, or fastcdc:LEAST,AVERAGE,MOST (default fastcdc:64K,256K,1M)", func(s string) (err error) {
		*c, err = chunk.Parse(s)
		return err
	})
}

func (a *app) put() *cli.Command {
	var o putOptions
	return &cli.Command{
		Name: "put", Brief: "store a file and print its ID", Args: "FILE",
		Detail: `FILE - is the standard input. The file is cut into chunks, and what is there already is
not stored again. gc deletes what no name leads to: -head gives one, which "blob head
-delete" takes away. If it is there, it then names the new file.`,
		Example: "blob put -head notes notes.txt\nblob cat notes",
		Flags: func(f *flag.FlagSet) {
			o = putOptions{}
			cutterFlag(f, &o.cutter)
			f.StringVar(&o.name, "head", "", "let `NAME` stand for the file")
			f.BoolVar(&o.object, "object", false, "store one object, whose canonical DAG-CBOR the file holds")
		},
		Run: func(ctx context.Context, args []string, std cli.Std) error {
			if o.name != "" && history.CheckName(o.name) != nil {
				return cli.Usagef("bad value %q for -head: %v", o.name, history.CheckName(o.name))
			}
			in, err := source(ctx, args[0], std)
			if err != nil {
				return err
			}
			defer in.Close() // it was only read
			return a.withNew(ctx, std, func(_ context.Context, s *store) error { return s.put(in, o) })
		},
	}
}

type putOptions struct {
	cutter chunk.Cutter
	name   string
	object bool
}

func (s *store) put(in io.Reader, o putOptions) error {
	s.kept = "no name has changed"
	if err := s.mustBeNoRef(o.name); err != nil {
		return err
	}
	id, err := s.write(in, o)
	switch {
	case err != nil:
		return err
	case o.name != "":
		err = s.nameFile(o.name, id)
	default:
		err = s.Blobs.Sync()
	}
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(s.Out, id)
	return err
}

func (s *store) write(in io.Reader, o putOptions) (blob.ID, error) {
	if o.object {
		return s.putObject(in)
	}
	p, read := s.progress(), int64(0)
	defer p.done()
	counted := io.TeeReader(in, counter(func(n int) {
		read += int64(n)
		p.show(func() string { return s.size(read) + " read" })
	}))
	id, _, err := file.Write(s.Blobs, counted, o.cutter)
	return id, err
}

// counter is a Writer that only hears how much there is.
type counter func(n int)

func (c counter) Write(b []byte) (int, error) {
	c(len(b))
	return len(b), nil
}

func (s *store) putObject(in io.Reader) (blob.ID, error) {
	b, err := io.ReadAll(io.LimitReader(in, blob.MaxSize+1))
	if err == nil {
		err = object.Check(b)
	}
	if err != nil {
		return blob.ID{}, err
	}
	return s.Blobs.Put(blob.DAGCBOR, b)
}

// mustBeNoRef refuses the name of a branch or tag, which would go before it in every SPEC.
func (s *store) mustBeNoRef(name string) error {
	if name == "" {
		return nil
	}
	if _, err := s.Resolve(name, time.Now()); !errors.Is(err, history.ErrUnknown) {
		return fmt.Errorf("-head %s: a branch or tag has that name: want another", name)
	}
	return nil
}

// nameFile lets a name stand for a blob, whatever it has stood for before.
func (s *store) nameFile(name string, id blob.ID) error {
	now, err := s.Heads.Get(filePrefix + name)
	if err != nil && !errors.Is(err, head.ErrNotFound) {
		return err
	}
	_, err = s.Heads.Set(filePrefix+name, now.Generation, id)
	return err
}

// source opens a file that is read until ctx ends; "-" is the standard input.
func source(ctx context.Context, name string, std cli.Std) (io.ReadCloser, error) {
	if name == "-" {
		return interruptible(ctx, std.In), nil
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && info.IsDir() {
		err = fmt.Errorf("%s is a directory, want a file: snapshot takes directories", name)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return untilDone{ctx, f}, nil
}

// untilDone reads a file until a context ends.
type untilDone struct {
	ctx context.Context
	*os.File
}

func (u untilDone) Read(b []byte) (int, error) {
	if err := u.ctx.Err(); err != nil {
		return 0, err
	}
	return u.File.Read(b)
}

// interruptible reads what may keep its reader waiting for ever, such as a terminal. The
// goroutine that waits there ends with the process: nothing else wakes it.
func interruptible(ctx context.Context, in io.Reader) io.ReadCloser {
	r, w := io.Pipe()
	go func() {
		_, err := io.Copy(w, in)
		w.CloseWithError(err)
	}()
	context.AfterFunc(ctx, func() { w.CloseWithError(ctx.Err()) })
	return r
}
