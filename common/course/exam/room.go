package exam

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
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
	packs map[string]pack // those with tests, by folder from the root

	overlaid []string // names of the overlay's files, by number
	packages []string // all of the stage, as patterns of the go command

	mu    sync.Mutex // guards built
	built map[string]func() (string, error)
}

// pack is what there is to know of a package with tests.
type pack struct{ rapid bool }

// Open compiles the stage in the tree at root. The error is ErrBuild if that fails,
// ctx's, or that of the machine. Tests are compiled as they are tried.
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
	r := &Room{root: root, stage: s, setup: setup, built: map[string]func() (string, error){}}
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
	temp := filepath.Join(r.dir, "tmp")
	if err := os.Mkdir(temp, 0o700); err != nil {
		return err
	}
	flags := []string{os.Getenv("GOFLAGS"), "-trimpath"} // so that trees in other places share what is compiled
	if r.setup.Race {
		flags = append(flags, "-race")
	}
	if len(r.setup.Overlay) > 0 {
		file, err := r.writeOverlay()
		if err != nil {
			return err
		}
		flags = append(flags, "'-overlay="+file+"'")
	}
	r.env = append(os.Environ(), "GOWORK="+filepath.Join(r.root, "go.work"), "TMPDIR="+temp, "TMP="+temp,
		"GOFLAGS="+strings.TrimSpace(strings.Join(flags, " ")))
	return r.compile(ctx)
}

// writeOverlay writes the changed files, and the map of them that the go command
// reads, whose name it returns.
func (r *Room) writeOverlay() (string, error) {
	replace := map[string]string{}
	for name, content := range r.setup.Overlay {
		r.overlaid = append(r.overlaid, name)
		file := filepath.Join(r.dir, fmt.Sprintf("overlay-%d", len(replace)))
		if err := os.WriteFile(file, content, 0o600); err != nil {
			return "", err
		}
		replace[filepath.Join(r.root, filepath.FromSlash(name))] = file
	}
	b, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	name := filepath.Join(r.dir, "overlay.json")
	return name, os.WriteFile(name, b, 0o600)
}

var overlayFile = regexp.MustCompile(`[^\s:]*/overlay-([0-9]+):`)

// named gives the files of the overlay the names that they stand in for.
func (r *Room) named(text string) string {
	return overlayFile.ReplaceAllStringFunc(text, func(place string) string {
		n, err := strconv.Atoi(overlayFile.FindStringSubmatch(place)[1])
		if err != nil || n >= len(r.overlaid) {
			return place
		}
		return r.overlaid[n] + ":"
	})
}

// compile compiles all packages of the stage without linking them. Tests are compiled
// when one of them is tried; here it is only learnt which are built with rapid, which
// wants its seed in a flag.
func (r *Room) compile(ctx context.Context) (err error) {
	if r.packages, err = patterns(r.root, r.stage.Dir); err != nil {
		return err
	}
	if _, err := r.goCommand(ctx, append([]string{"list", "-export", "-f", ""}, r.packages...)...); err != nil {
		return err
	}
	const line = `{{.ImportPath}}	{{.Dir}}{{range .Deps}}{{if eq . "pgregory.net/rapid"}}	rapid{{end}}{{end}}`
	out, err := r.goCommand(ctx, append([]string{"list", "-test", "-f", line}, r.packages...)...)
	if err != nil {
		return err
	}
	r.packs = map[string]pack{}
	for line := range strings.Lines(out) {
		fields := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if len(fields) < 2 || !strings.HasSuffix(fields[0], ".test") {
			continue
		}
		dir, err := filepath.Rel(r.root, fields[1])
		if err != nil {
			return err
		}
		r.packs[filepath.ToSlash(dir)] = pack{rapid: len(fields) > 2}
	}
	return nil
}

// patterns are those of all packages of a stage but its mutants: a variant may hold
// less than a whole package.
func patterns(root, dir string) ([]string, error) {
	list, err := os.ReadDir(filepath.Join(root, dir))
	if err != nil {
		return nil, err
	}
	var all []string
	for _, e := range list {
		switch {
		case e.IsDir() && (e.Name() == "mutants" || e.Name() == "testdata" || strings.HasPrefix(e.Name(), ".")):
		case e.IsDir():
			all = append(all, "./"+dir+"/"+e.Name()+"/...")
		case filepath.Ext(e.Name()) == ".go" && !slices.Contains(all, "./"+dir):
			all = append(all, "./"+dir)
		}
	}
	return all, nil
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

// program builds a program when it is asked for first.
func (r *Room) program(ctx context.Context, name string, goArgs ...string) (string, error) {
	r.mu.Lock()
	build, ok := r.built[name]
	if !ok {
		build = sync.OnceValues(func() (string, error) {
			file := filepath.Join(r.dir, strings.ReplaceAll(name, "/", "-"))
			// Without tables for debuggers, which take long to link.
			_, err := r.goCommand(ctx, append(goArgs, "-ldflags=-s -w", "-o", file, "./"+name)...)
			return file, err
		})
		r.built[name] = build
	}
	r.mu.Unlock()
	return build()
}

func (r *Room) testProgram(ctx context.Context, dir string) (string, error) {
	return r.program(ctx, dir, "test", "-c")
}

func (r *Room) simulator(ctx context.Context) (string, error) {
	return r.program(ctx, r.stage.Dir+"/cmd/sim", "build")
}
