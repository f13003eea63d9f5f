package exam

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

// errNoTests means that there are no tests in a folder.
var errNoTests = errors.New("there are no tests in")

// program is a program of the tree.
type program struct {
	file  string
	rapid bool // it is a test that wants its seed in a flag of package rapid
}

// Programs are linked without tables for debuggers, which take long to write; vet is
// asked once for all packages, see Room.Vet.
var (
	buildTest    = []string{"test", "-c", "-vet=off", "-ldflags=-s -w"}
	buildProgram = []string{"build", "-ldflags=-s -w"}
)

// testProgram builds the test of a package when it is asked for first. The error is
// errNoTests, or goCommand's.
func (r *Room) testProgram(ctx context.Context, dir string) (program, error) {
	return r.build(dir, func() (program, error) {
		file := filepath.Join(r.dir, strings.ReplaceAll(dir, "/", "-")+".test")
		if _, err := r.goCommand(ctx, slices.Concat(buildTest, []string{"-o", file, "./" + dir})...); err != nil {
			return program{}, err
		}
		return asTest(file, dir)
	})
}

// simulator builds the stage's simulator when it is asked for first.
func (r *Room) simulator(ctx context.Context) (program, error) {
	dir := r.simDir()
	return r.build(dir+" itself", func() (program, error) {
		file := filepath.Join(r.dir, "sim")
		_, err := r.goCommand(ctx, slices.Concat(buildProgram, []string{"-o", file, "./" + dir})...)
		return program{file: file}, err
	})
}

func (r *Room) simDir() string { return r.stage.Dir + "/cmd/sim" }

// build builds a program when it is asked for first.
func (r *Room) build(name string, by func() (program, error)) (program, error) {
	r.mu.Lock()
	once, ok := r.built[name]
	if !ok {
		once = sync.OnceValues(by)
		r.built[name] = once
	}
	r.mu.Unlock()
	return once()
}

// buildTests builds the tests that checks need all at once, which takes less than one
// after the other and all processors. What fails here is built again when it is
// tried, so that each test tells its own reason.
func (r *Room) buildTests(ctx context.Context, checks []Check) {
	into := filepath.Join(r.dir, "tests") + string(filepath.Separator)
	args := slices.Concat(buildTest, []string{"-o", into})
	at := map[string]string{} // folders by the names that the go command gives their programs
	for i := range checks {
		dir := checks[i].dir
		name := path.Base(dir) + ".test"
		if _, taken := at[name]; dir == "" || taken || r.has(dir) {
			continue
		}
		at[name] = dir
		args = append(args, "./"+dir)
	}
	if len(at) < 2 {
		return
	}
	if _, err := r.goCommand(ctx, args...); err != nil && !errors.Is(err, ErrBuild) {
		return
	}
	for name, dir := range at {
		if p, err := asTest(into+name, dir); err == nil {
			_, _ = r.build(dir, func() (program, error) { return p, nil })
		}
	}
}

// has reports whether somebody has asked for a package's test.
func (r *Room) has(dir string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.built[dir] != nil
}

// asTest looks at a program that the go command should have written, but does not
// write for a folder without tests.
func asTest(file, dir string) (program, error) {
	text, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return program{}, fmt.Errorf("%w %s", errNoTests, dir)
	}
	// The table of functions, which every program has, names what declares the flag.
	return program{file, bytes.Contains(text, []byte("pgregory.net/rapid.init"))}, err
}

// Holds reports whether the program that a check runs is built with a package of any
// of the folders, which are named from the root. Tests of real processes start
// programs that nobody knows beforehand: of them it says yes. The error is that of
// the go command, as for Open.
func (r *Room) Holds(ctx context.Context, c *Check, folders []string) (bool, error) {
	if c.Kind == "process" {
		return true, nil
	}
	dir, flags := c.dir, []string{"-test"}
	if c.test == "" {
		dir, flags = r.simDir(), nil
	}
	in, err := r.folders(ctx, dir, flags)
	return slices.ContainsFunc(folders, func(f string) bool { return slices.Contains(in, f) }), err
}

// folders lists those of the tree that a program's packages lie in.
func (r *Room) folders(ctx context.Context, dir string, flags []string) ([]string, error) {
	r.mu.Lock()
	once, ok := r.listed[dir]
	if !ok {
		once = sync.OnceValues(func() (all []string, err error) {
			const line = "{{if not .Standard}}{{.Dir}}{{end}}"
			out, err := r.goCommand(ctx, slices.Concat([]string{"list", "-deps", "-f", line}, flags, []string{"./" + dir})...)
			for line := range strings.Lines(out) {
				if in, err := filepath.Rel(r.root, strings.TrimSuffix(line, "\n")); err == nil {
					all = append(all, filepath.ToSlash(in))
				}
			}
			return all, err
		})
		r.listed[dir] = once
	}
	r.mu.Unlock()
	return once()
}
