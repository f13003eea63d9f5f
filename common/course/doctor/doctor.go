// Package doctor tells what a machine lacks to work on the course, and what would mend
// it.
package doctor

import (
	"cmp"
	"context"
	"fmt"
	"go/version"
	"io/fs"
	"path/filepath"
	"strings"
	"time"
)

// What is needed. The room is that of all stages' build caches and test data.
const (
	minFree  = 2 << 30 // bytes
	minFiles = 1024    // open at a time by one process
	minCores = 2       // fewer only take longer
	maxAhead = time.Hour
)

// Finding is what there is to say of one thing.
type Finding struct {
	Name string
	Says string // what was found
	Mend string // what is to be done about it; empty if all is well
	Need bool   // nothing goes without it
}

// OK reports whether all is well.
func (f Finding) OK() bool { return f.Mend == "" }

// String is one line: "ok" or "missing", or "poor" for what can be lived with.
func (f Finding) String() string {
	switch {
	case f.OK():
		return fmt.Sprintf("ok       %-9s %s", f.Name, f.Says)
	case f.Need:
		return fmt.Sprintf("missing  %-9s %s: %s", f.Name, f.Says, f.Mend)
	}
	return fmt.Sprintf("poor     %-9s %s: %s", f.Name, f.Says, f.Mend)
}

// System is the machine that is examined.
type System struct {
	// Run runs a program in a folder, with env added to the environment, and returns
	// its standard output. The error tells what it said on the other.
	Run func(ctx context.Context, dir string, env []string, name string, args ...string) (string, error)

	Free   func(dir string) (bytes uint64, err error) // room on the disk of a folder
	Files  func() (limit uint64, err error)           // that a process may have open
	Listen func() error                               // on a free port of the loopback
	Cores  int
	Now    time.Time
}

// Examine looks at all that the workspace at root needs, and hands each finding to
// tell as soon as it is there. It reports whether nothing needed is missing.
func (s *System) Examine(ctx context.Context, root string, work fs.FS, tell func(Finding)) bool {
	fine := true
	for _, look := range []func(context.Context, string, fs.FS) Finding{
		s.toolchain, s.program("make", false), s.program("git", false),
		s.disk, s.loopback, s.files, s.cores, s.clock, s.modules,
	} {
		if ctx.Err() != nil {
			return false
		}
		f := look(ctx, root, work)
		fine = fine && (f.OK() || !f.Need)
		tell(f)
	}
	return fine
}

// toolchain asks for the Go version outside the workspace: inside it the go command
// may first fetch another, and that fails where there is no network.
func (s *System) toolchain(ctx context.Context, root string, work fs.FS) Finding {
	f := Finding{Name: "go", Need: true}
	want := "go" + directive(work, "go")
	says, err := s.Run(ctx, filepath.Dir(root), []string{"GOTOOLCHAIN=local", "GOWORK=off"}, "go", "env", "GOVERSION")
	f.Says = strings.TrimSpace(says)
	switch {
	case err != nil:
		f.Says, f.Mend = "there is none", "install "+want+" or newer from go.dev/dl, and add its bin folder to PATH"
	case !version.IsValid(want):
		f.Mend = "go.work names no version: fetch the handout again"
	case version.Compare(f.Says, want) < 0:
		f.Mend = "too old: install " + want + " or newer from go.dev/dl"
	}
	return f
}

// directive returns the value of a one-line directive of the go.work.
func directive(work fs.FS, name string) string {
	text, _ := fs.ReadFile(work, "go.work") // without one there is no value
	for line := range strings.Lines(string(text)) {
		if words := strings.Fields(line); len(words) == 2 && words[0] == name {
			return words[1]
		}
	}
	return ""
}

func (s *System) program(name string, need bool) func(context.Context, string, fs.FS) Finding {
	return func(ctx context.Context, root string, _ fs.FS) Finding {
		says, err := s.Run(ctx, root, nil, name, "--version")
		first, _, _ := strings.Cut(says, "\n")
		if err != nil {
			return Finding{Name: name, Need: need, Says: "there is none", Mend: "install the package " + name}
		}
		return Finding{Name: name, Need: need, Says: first}
	}
}

func (s *System) disk(_ context.Context, root string, _ fs.FS) Finding {
	f := Finding{Name: "disk", Need: true}
	free, err := s.Free(root)
	switch {
	case err != nil:
		return Finding{Name: "disk", Says: "free room is unknown: " + err.Error(), Mend: "see that there are 2 GiB"}
	case free < minFree:
		f.Mend = fmt.Sprintf("make room, %.1f GiB are needed: go clean -cache -testcache may do", float64(minFree)/(1<<30))
	}
	f.Says = fmt.Sprintf("%.1f GiB free", float64(free)/(1<<30))
	return f
}

func (s *System) loopback(context.Context, string, fs.FS) Finding {
	f := Finding{Name: "loopback", Need: true, Says: "127.0.0.1 has free ports"}
	if err := s.Listen(); err != nil {
		f.Says, f.Mend = err.Error(), "let programs listen on 127.0.0.1: a firewall or a sandbox forbids it"
	}
	return f
}

func (s *System) files(context.Context, string, fs.FS) Finding {
	f := Finding{Name: "ulimit", Need: true}
	limit, err := s.Files()
	f.Says = fmt.Sprintf("%d open files", limit)
	switch {
	case err != nil:
		return Finding{Name: "ulimit", Says: "this system tells of no limit"}
	case limit < minFiles:
		f.Mend = "run ulimit -n 4096 in this shell"
	}
	return f
}

func (s *System) cores(context.Context, string, fs.FS) Finding {
	f := Finding{Name: "cores", Says: fmt.Sprint(s.Cores)}
	if s.Cores < minCores {
		f.Mend = "tests take longer; give a virtual machine two or more"
	}
	return f
}

// clock compares with the workspace's files: a clock that is far behind makes
// certificates invalid and build caches stale.
func (s *System) clock(_ context.Context, _ string, work fs.FS) Finding {
	f := Finding{Name: "clock", Need: true, Says: s.Now.Format(time.DateTime)}
	info, err := fs.Stat(work, "go.work")
	if err == nil && info.ModTime().Sub(s.Now) > maxAhead {
		f.Mend = fmt.Sprintf("behind: go.work is of %s: set the clock", info.ModTime().Format(time.DateTime))
	}
	return f
}

// modules asks for the sources of all packages that builds and tests need: first
// without the network, then with it, which fetches what is missing. GOFLAGS is empty:
// -mod=mod, which some people set, is refused inside a workspace.
func (s *System) modules(ctx context.Context, root string, _ fs.FS) Finding {
	f := Finding{Name: "modules", Need: true, Says: "all are in the module cache"}
	list := []string{"list", "-deps", "-test", "-f", "{{if .Error}}{{.Error}}{{end}}", "work"}
	_, err := s.Run(ctx, root, []string{"GOFLAGS=", "GOPROXY" + "=off"}, "go", list...)
	if err == nil {
		return f
	}
	if _, err = s.Run(ctx, root, []string{"GOFLAGS="}, "go", list...); err == nil {
		f.Says = "fetched what was missing in the module cache"
		return f
	}
	first, _, _ := strings.Cut(cmp.Or(err.Error(), "unknown"), "\n")
	f.Says, f.Mend = first, "connect to the network, or set GOPROXY to a mirror that can be reached, and run go mod download"
	return f
}
