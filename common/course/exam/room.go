package exam

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"dss.example/common/course/stage"
)

// Errors of a tree. Their texts have what the go command said.
var (
	ErrBuild = errors.New("does not build")
	ErrVet   = errors.New("has what go vet finds fault with")
)

// Limits of time. They end what hangs, and are no judgement: whatever is right takes
// a small part of them, on a busy machine too.
const (
	checkTime = 2 * time.Minute  // of a check
	buildTime = 10 * time.Minute // of building one program
	graceTime = 10 * time.Second // for a Go test to say where it hangs
)

// Setup says how the programs of a tree are built and run. The zero value is fine.
type Setup struct {
	// Overlay are files, by path from the root, that the compiler sees in place of
	// the tree's own.
	Overlay map[string][]byte

	Plain     bool          // the stage compiled without inlining: sooner, for programs that run but briefly
	Race      bool          // with the race detector
	Schedules int           // of a simulator's check; 0 means the stage's public budget
	Timeout   time.Duration // of a check; 0 means two minutes
}

// Room is where the checks of one tree are tried. Its methods may be called by many
// goroutines at once.
type Room struct {
	root  string
	stage *stage.Stage
	setup Setup
	dir   string // holds programs and temporary files
	env   []string

	overlaid []string // names of the overlay's files, by number
	packages []string // all of the stage, as patterns of the go command

	mu     sync.Mutex                          // guards what follows
	built  map[string]func() (program, error)  // by folder, or name
	listed map[string]func() ([]string, error) // by folder
}

// programsVar names the variable that gives Go tests a folder for the programs that
// they start: what one has built there, others need not build again. It is the
// Room's own, and empty at first, so that all in it comes of one tree, with the same
// overlay and flags; whoever sets the variable must see to that.
const programsVar = "DSS_PROGRAMS"

// Open compiles the stage in the tree at root. The error is ErrBuild if that fails,
// ctx's, or that of the machine. With an overlay that changes nothing but bodies of
// functions, only the packages that it changes are compiled: that the others are
// right without it is for the caller to know. Tests are compiled as they are tried.
func Open(ctx context.Context, root string, s *stage.Stage, setup Setup) (_ *Room, err error) {
	if root, err = filepath.Abs(root); err != nil {
		return nil, err
	}
	if setup.Timeout == 0 {
		setup.Timeout = checkTime
	}
	if setup.Schedules == 0 {
		setup.Schedules = s.Budgets.Public
	}
	r := &Room{
		root: root, stage: s, setup: setup,
		built: map[string]func() (program, error){}, listed: map[string]func() ([]string, error){},
	}
	if r.dir, err = os.MkdirTemp("", "exam-"); err != nil {
		return nil, err
	}
	if err = r.furnish(ctx); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

// Close removes all that the Room has written.
func (r *Room) Close() error { return os.RemoveAll(r.dir) }

func (r *Room) furnish(ctx context.Context) error {
	temp, programs := filepath.Join(r.dir, "tmp"), filepath.Join(r.dir, "programs")
	if err := errors.Join(os.Mkdir(temp, 0o700), os.Mkdir(programs, 0o700)); err != nil {
		return err
	}
	flags := []string{os.Getenv("GOFLAGS"), "-trimpath"} // so that trees in other places share what is compiled
	cgo := "0"                                           // links sooner, and graders have none either
	if r.setup.Race {
		flags, cgo = append(flags, "-race"), "1" // the detector is written in C
	}
	if r.setup.Plain {
		flags = append(flags, "'-gcflags=./"+r.stage.Dir+"/...=-l -dwarf=false'")
	}
	if len(r.setup.Overlay) > 0 {
		file, err := r.writeOverlay()
		if err != nil {
			return err
		}
		flags = append(flags, "'-overlay="+file+"'")
	}
	r.env = append(os.Environ(), "GOWORK="+filepath.Join(r.root, "go.work"), "TMPDIR="+temp, "TMP="+temp,
		programsVar+"="+programs, "CGO_ENABLED="+cgo, "GOFLAGS="+strings.TrimSpace(strings.Join(flags, " ")))
	return r.compile(ctx)
}

// compile compiles the packages of the stage without linking them: all, unless
// others than those that the overlay changes cannot notice it. Tests are compiled when
// one of them is tried.
func (r *Room) compile(ctx context.Context) (err error) {
	if r.packages, err = patterns(r.root, r.stage.Dir); err != nil {
		return err
	}
	which := r.packages
	if folders, within := r.changed(); within && len(folders) > 0 {
		which = nil
		for _, folder := range folders {
			which = append(which, "./"+folder)
		}
	}
	_, err = r.goCommand(ctx, append([]string{"list", "-export", "-f", ""}, which...)...)
	return err
}

// Vet asks go vet about all packages of the stage. The error is ErrVet, or as Open's.
func (r *Room) Vet(ctx context.Context) error {
	_, err := r.goCommand(ctx, append([]string{"vet"}, r.packages...)...)
	return err
}

// goCommand runs the go command at the root and returns its standard output. If it
// ends with another code than 0, the error is ErrBuild, or ErrVet.
func (r *Room) goCommand(ctx context.Context, args ...string) (string, error) {
	e := start(ctx, buildTime, r.root, r.env, "go", args...)
	switch {
	case e.failed != nil:
		return "", fmt.Errorf("go %s: %w", args[0], e.failed)
	case e.late:
		return "", fmt.Errorf("go %s was not done after %v", args[0], buildTime)
	case e.code != 0 && args[0] == "vet":
		return "", fmt.Errorf("%w:\n%s", ErrVet, firstLines(clean(r.named(e.errs))))
	case e.code != 0:
		return "", fmt.Errorf("%w:\n%s", ErrBuild, firstLines(clean(r.named(e.errs))))
	}
	return e.out, nil
}
