package harness

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"dss.example/common/bench/chart"
	"dss.example/common/bench/proc"
)

// Config says what to run.
type Config struct {
	Stage    Stage
	Rounds   int
	Warmup   time.Duration
	For      time.Duration // of a turn, measured
	Callers  []int
	Scale    float64   // of what a load calls large, to 1; 0 is 1
	Only     []string  // names of peers beside ours; nil is all
	Root     string    // of the workspace, where Stage.Build is built
	Self     string    // this program, for Stage.Peers
	Keep     string    // directory for profiles of what is short; empty keeps none
	Progress io.Writer // one line a cell and round
}

// Check returns an error that names what is wrong with the config.
func (c *Config) Check() error {
	known := make([]string, 0, len(c.Stage.Systems))
	for _, s := range c.Stage.Systems[1:] {
		known = append(known, s.Name)
	}
	for _, name := range c.Only {
		if !slices.Contains(known, name) {
			return fmt.Errorf("stage %d has no peer %q: want some of %v", c.Stage.Number, name, known)
		}
	}
	for _, n := range c.Callers {
		if n < 1 || n > maxCallers {
			return fmt.Errorf("bad number of callers %d: want 1 to %d", n, maxCallers)
		}
	}
	if len(c.Callers) == 0 || c.Rounds < 1 || c.For <= 0 || c.Warmup < 0 {
		return errors.New("rounds, time and callers want positive numbers")
	}
	if !(c.Scale >= 0 && c.Scale <= 1) {
		return fmt.Errorf("bad scale %v: want more than 0, to 1", c.Scale)
	}
	return nil
}

const maxCallers = 10_000 // each may have a connection

// ErrOurs tells that the system that all others are compared with does not work.
var ErrOurs = errors.New("ours does not work")

// run is one run of a stage.
type run struct {
	Config
	dir     string // removed at the end
	members []*member
	r       *Record
}

// Run measures all cells and judges them. A peer that is missing or fails is noted
// in the record and left out from there on; if ours fails, that is the error. When
// the context ends, so does the run, with its error. No process survives it.
func Run(ctx context.Context, c Config) (_ *Record, err error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	c.Scale = cmp.Or(c.Scale, 1)
	m := &run{Config: c, r: &Record{
		Stage: c.Stage.Number, Title: c.Stage.Title, Date: time.Now().Truncate(time.Second),
		Machine: Machine{proc.Model(), runtime.NumCPU(), runtime.GOOS, runtime.GOARCH},
		Rounds:  c.Rounds, For: c.For, Warmup: c.Warmup, Scale: c.Scale,
	}}
	if m.dir, err = os.MkdirTemp("", "dss-bench-"); err != nil {
		return nil, err
	}
	defer os.RemoveAll(m.dir)
	defer m.close()
	for _, step := range []func(context.Context) error{m.build, m.open, m.measure, m.profile} {
		err := step(ctx)
		switch {
		case ctx.Err() != nil:
			return nil, fmt.Errorf("interrupted: %w", context.Cause(ctx))
		case err != nil:
			return nil, err
		}
	}
	return m.r, nil
}

// close returns when all servers are gone.
func (m *run) close() {
	for _, member := range m.members {
		member.close()
	}
}

func (m *run) build(ctx context.Context) error {
	m.r.Versions = versions(ctx, m.Root)
	for _, what := range m.Stage.Build {
		if err := m.buildOne(ctx, what); err != nil {
			return err
		}
	}
	return nil
}

// buildOne builds one command, under the name that is in front of its path or ends it.
func (m *run) buildOne(ctx context.Context, what string) error {
	fmt.Fprintf(m.Progress, "building %s\n", what)
	name, command, named := strings.Cut(what, "=")
	if !named {
		name, command = path.Base(what), what
	}
	build := exec.CommandContext(ctx, "go", "build", "-o", filepath.Join(m.dir, name), command)
	build.Dir = m.Root
	build.Env = append(os.Environ(), "GOWORK="+filepath.Join(m.Root, "go.work")) // the benchmarks themselves run without
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("%v: %w: %s", build.Args, err, out)
	}
	return nil
}

// open starts the servers of all that take part.
func (m *run) open(ctx context.Context) error {
	for i, s := range m.Stage.Systems {
		if i > 0 && m.Only != nil && !slices.Contains(m.Only, s.Name) {
			continue
		}
		if why := s.missing(ctx); why != nil {
			if err := m.drop(s.Name, why, false); err != nil {
				return err
			}
			continue
		}
		for _, t := range s.Needs {
			m.r.Versions[t.Program] = firstLine(ctx, t.Program, t.Version...)
		}
		member := &member{System: s, place: Place{Bin: m.dir, Self: m.Self, Dir: filepath.Join(m.dir, fmt.Sprint("place-", i))}}
		m.members = append(m.members, member) // to be closed, whatever comes
		if err := member.open(ctx); err != nil {
			if err := m.drop(s.Name, err, true); err != nil {
				return err
			}
		}
	}
	m.r.Cells = m.cells()
	return nil
}

// drop notes why a system is not measured any more.
func (m *run) drop(name string, why error, failed bool) error {
	if name == m.Stage.Systems[0].Name {
		return fmt.Errorf("%w: %w", ErrOurs, why)
	}
	fmt.Fprintf(m.Progress, "without %s: %v\n", name, why)
	m.r.Absent = append(m.r.Absent, Absent{name, why.Error(), failed})
	return nil
}

func (m *run) takesPart(s *member, l string) bool {
	absent := slices.ContainsFunc(m.r.Absent, func(a Absent) bool { return a.System == s.Name })
	return !absent && slices.Contains(s.Loads, l)
}

func (m *run) cells() (cells []Cell) {
	for _, l := range m.Stage.Loads {
		callers := m.Callers
		if l.Callers != nil {
			callers = l.Callers
		}
		for _, n := range callers {
			c := Cell{Load: l.Name, Callers: n}
			for _, s := range m.members {
				if m.takesPart(s, l.Name) {
					c.Systems = append(c.Systems, s.Name)
				}
			}
			cells = append(cells, c)
		}
	}
	return cells
}

// measure runs the rounds and holds the bars against what they gave.
func (m *run) measure(ctx context.Context) error {
	for round := 1; round <= m.Rounds; round++ {
		for _, c := range m.r.Cells {
			if err := m.cell(ctx, c, round); err != nil {
				return err
			}
		}
	}
	m.r.Verdicts = m.Stage.Judge(m.r)
	return nil
}

// cell gives every system its turn. Each round begins with another one, so that a
// machine that slows down while it works favours none.
func (m *run) cell(ctx context.Context, c Cell, round int) error {
	fmt.Fprintf(m.Progress, "round %d/%d  %s, %s: ", round, m.Rounds, c.Load, plural(c.Callers, "caller"))
	defer fmt.Fprintln(m.Progress)
	for i := range m.members {
		s := m.members[(i+round-1)%len(m.members)]
		if !m.takesPart(s, c.Load) {
			continue
		}
		t := Turn{Load: c.Load, Callers: c.Callers, Warmup: m.Warmup, For: m.For, Scale: m.Scale}
		report, server, err := s.turn(ctx, t, m.Stage.load(c.Load))
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			err = fmt.Errorf("%s, %s, round %d: %w", c.Load, plural(c.Callers, "caller"), round, err)
			if err := m.drop(s.Name, err, true); err != nil {
				return err
			}
			continue
		}
		fmt.Fprintf(m.Progress, " %s %s", s.Name, chart.Amount(report.Rate*m.Stage.load(c.Load).items()))
		m.r.Samples = append(m.r.Samples, Sample{
			Round: round, Load: c.Load, Callers: c.Callers, System: s.Name, Report: *report,
			ServerCPU: server.Seconds() * 1e6 / float64(report.Ops),
		})
	}
	return nil
}
