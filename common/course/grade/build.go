package grade

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"dss.example/common/judge/box"
)

// Bounds of the go command at work on a submission. Programs of a stage are built in
// seconds; these are for what was written to keep a compiler busy.
var compiling = box.Limits{CPU: 3 * time.Minute, Memory: 4 << 30, File: 1 << 30}

// buildTime bounds a build by the clock: beyond it the machine is to blame.
const buildTime = 15 * time.Minute

// maxSaid bounds what is kept of what the go command says, in bytes.
const maxSaid = 16 << 10

// buildProgram builds without the tables for debuggers, which take long to link, and
// so that trees in other places share what is compiled.
var buildProgram = []string{"build", "-trimpath", "-ldflags=-s -w"}

// build builds the stage's programs with a submission's files over the bare starter,
// into the folder bin.
func (g *grader) build(ctx context.Context, files []source, dir, bin string) error {
	overlay, err := g.overlay(files, dir)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(bin, 0o755); err != nil {
		return err
	}
	args := slices.Concat(buildProgram, []string{"-overlay", overlay, "-o", bin + string(filepath.Separator)}, g.programs)
	said, err := goCommand(ctx, g.base, args...)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, errBuild):
		return refuse("it does not build:\n%s", fromRoot(said, dir))
	}
	return err
}

// fromRoot makes paths of the go command those that a student knows: from the root.
func fromRoot(said, dir string) string {
	slash := string(filepath.Separator)
	return strings.NewReplacer(dir+slash, "", ".."+slash+filepath.Base(dir)+slash, "").Replace(said)
}

// overlay writes a submission's files into dir, and what tells the go command to take
// them for the starter's. So no file of a submission ever lies in the tree, and what
// was checked is what is built.
func (g *grader) overlay(files []source, dir string) (string, error) {
	replace := map[string]string{}
	for _, f := range files {
		to := filepath.Join(dir, filepath.FromSlash(f.name))
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			return "", err
		}
		if err := os.WriteFile(to, f.data, 0o644); err != nil {
			return "", err
		}
		replace[filepath.Join(g.base, filepath.FromSlash(f.name))] = to
	}
	text, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	name := filepath.Join(dir, "overlay.json")
	return name, os.WriteFile(name, text, 0o644)
}

// errBuild means that the go command has looked and is not content.
var errBuild = errors.New("go build failed")

// goCommand runs the go command in a tree, with nothing of the environment that could
// make it fetch or run anything, and returns what it said.
func goCommand(ctx context.Context, tree string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, buildTime)
	defer cancel()
	program, err := exec.LookPath("go")
	if err != nil {
		return "", err
	}
	said := &head{most: maxSaid}
	cmd := exec.Command(program, args...)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr, cmd.WaitDelay = tree, buildEnvironment(), said, said, time.Second
	if err := run(ctx, cmd, compiling); err != nil {
		var ended *exec.ExitError
		switch {
		case ctx.Err() != nil:
			return "", fmt.Errorf("go %s: not finished: %w", args[0], ctx.Err())
		case errors.As(err, &ended) && ended.ExitCode() > 0:
			return said.String(), errBuild
		}
		return "", fmt.Errorf("go %s: %w: %s", args[0], err, said)
	}
	return said.String(), nil
}

// run runs a command in a box until it ends or ctx does.
func run(ctx context.Context, cmd *exec.Cmd, limits box.Limits) error {
	ended := make(chan error, 1)
	started := make(chan error)
	go func() {
		ended <- box.Live(cmd, limits, started)
	}()
	if err := <-started; err != nil {
		<-ended
		return err
	}
	stop := context.AfterFunc(ctx, func() { box.Kill(cmd) })
	defer stop()
	return <-ended
}

// buildEnvironment is what the go command is told: where things are, and no more.
func buildEnvironment() []string {
	env := []string{
		"CGO_ENABLED=0", "GOFLAGS=-mod=readonly", "GOPROXY" + "=off", "GOSUMDB=off", "GOTOOLCHAIN=local", "GOENV=off", "GOVCS=*:off",
		"GOTELEMETRY=off",
	}
	for _, name := range []string{
		"PATH", "HOME", "TMPDIR", "GOCACHE", "GOMODCACHE", "GOPATH", "GOROOT", "XDG_CACHE_HOME",
		"LocalAppData", "AppData", "USERPROFILE", "SystemRoot", "TEMP",
	} {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	return env
}

// programs lists the packages of a stage's commands but the judge.
func programs(ctx context.Context, tree, stage string) ([]string, error) {
	text, err := goCommand(ctx, tree, "list", "-f", `{{if eq .Name "main"}}{{.ImportPath}}{{end}}`, "./"+stage+"/cmd/...")
	if err != nil {
		return nil, fmt.Errorf("list the stage's commands: %w: %s", err, text)
	}
	all := slices.DeleteFunc(strings.Fields(text), func(p string) bool { return strings.HasSuffix(p, "/judge") })
	if len(all) == 0 {
		return nil, fmt.Errorf("%s/cmd has no commands", stage)
	}
	return all, nil
}

// head keeps the first bytes of what is written to it.
type head struct {
	bytes.Buffer
	most int
}

func (h *head) Write(b []byte) (int, error) {
	h.Buffer.Write(b[:max(0, min(len(b), h.most-h.Len()))])
	return len(b), nil
}
