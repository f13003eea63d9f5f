//go:build unix

package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"dss.example/common/demo"
)

const flips = 60

// flipped flips one bit of a store at a time, and asks whether blob finds it.
func (s *stage) flipped(ctx context.Context) error {
	dir, err := s.TempDir()
	if err != nil {
		return err
	}
	store := filepath.Join(dir, "store")
	if _, err := s.Run(ctx, s.blob, "-store", store, "snapshot", filepath.Join(s.tree, "sort")); err != nil {
		return err
	}
	whole, err := read(store)
	if err != nil {
		return err
	}
	random := rand.New(rand.NewPCG(seed, 1))
	step := s.Begin("flip bits", flips, "flips")
	var missed []string
	for range flips {
		where := whole.pick(random)
		if err := whole.write(store, where); err != nil {
			return err
		}
		out, err := s.Run(ctx, s.blob, "-store", store, "fsck")
		var exit *exec.ExitError
		switch {
		case err == nil:
			missed = append(missed, fmt.Sprintf("%v: %s", where, out))
		case !errors.As(err, &exit) || exit.ExitCode() != 1:
			return err
		}
		step.Add(1)
	}
	row := demo.Row{What: fmt.Sprintf("%d looks at a small store", flips), Broken: "one bit, another each time", Note: "all found", Rate: step.End()}
	row.Err = s.unharmed(ctx, whole, store)
	if len(missed) > 0 {
		row.Err = fmt.Errorf("%d of %d flipped bits were not found:\n%s", len(missed), flips, strings.Join(missed, "\n"))
	}
	s.Row(row)
	return nil
}

// unharmed demands that nothing is found where nothing was flipped: a detector that
// always barks finds everything.
func (s *stage) unharmed(ctx context.Context, whole copied, store string) error {
	if err := whole.write(store, flip{}); err != nil {
		return err
	}
	if out, err := s.Run(ctx, s.blob, "-store", store, "fsck"); err != nil {
		return fmt.Errorf("no bit is flipped, and yet: %w\n%s", err, out)
	}
	return nil
}

// flip is a bit to be flipped.
type flip struct {
	file   string // in the store; empty: none
	offset int
	bit    int
}

func (f flip) String() string { return fmt.Sprintf("bit %d of byte %d of %s", f.bit, f.offset, f.file) }

// copied is the files of a store.
type copied []file

type file struct {
	name  string // in the store
	bytes []byte // without the zeros at its end: space for records to come
	size  int64
}

func read(store string) (c copied, err error) {
	names, err := filepath.Glob(filepath.Join(store, "*", "*"))
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		in, err := filepath.Rel(store, name)
		if err != nil {
			return nil, err
		}
		trimmed := strings.TrimRight(string(b), "\x00")
		c = append(c, file{in, []byte(trimmed), int64(len(b))})
	}
	return c, nil
}

// pick picks a bit of a pack or a head. What is derived from them, an index, is made anew
// when it does not check, and so finds itself.
func (c copied) pick(random *rand.Rand) flip {
	for {
		f := c[random.IntN(len(c))]
		base := filepath.Base(f.name)
		if strings.HasPrefix(base, "pack-") || strings.HasPrefix(base, "head-") {
			return flip{f.name, random.IntN(len(f.bytes)), random.IntN(8)}
		}
	}
}

// write writes the store anew, with one bit flipped.
func (c copied) write(store string, x flip) error {
	if err := os.RemoveAll(store); err != nil {
		return err
	}
	for _, f := range c {
		b := f.bytes
		if f.name == x.file {
			b = append([]byte(nil), b...)
			b[x.offset] ^= 1 << x.bit
		}
		name := filepath.Join(store, f.name)
		if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
			return err
		}
		if err := errors.Join(os.WriteFile(name, b, 0o666), os.Truncate(name, f.size)); err != nil {
			return err
		}
	}
	return nil
}
