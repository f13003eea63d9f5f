// Package simcmd is the command line of every stage's cmd/sim: one seed or many, a
// trace, a script, an exhaustive search, the far end of the judge's pipe, or the
// replay of what a real server recorded.
package simcmd

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"

	"dss.example/common/daemon/cli"
	"dss.example/common/machine"
	"dss.example/common/script"
	"dss.example/common/sim"
)

// Stage is what a stage adds: its worlds and its protocols.
type Stage struct {
	Number  int
	Command string // how it is run from the workspace's root: "go run ./p1-kvrpc/cmd/sim"

	// Flags declares flags of this stage only; may be nil. What they chose must be
	// part of Chosen, so that a failure's command replays it.
	Flags  func(*flag.FlagSet)
	Chosen func() string

	World  func() *sim.Config           // after the flags are known
	Limits func(sim.Faults) sim.Faults  // of the faults that the flags chose, those that World stands; nil: all
	Roles  map[string]*machine.Protocol // for -pipe and -replay, by role
	Script func() script.World

	// Explore searches all runs of a small world and prints what it found; nil if
	// the stage has none.
	Explore func(ctx context.Context, out io.Writer, progress func(text string)) error
}

// options are the flags that every stage has.
type options struct {
	seed      uint64
	schedules int
	duration  time.Duration
	events    int
	liveness  time.Duration
	faults    string
	damage    bool
	scheduler string
	trace     string
	html      string
	print     bool
	step      bool
	shrunk    bool
	script    string
	replay    string
	explore   bool
	pipe      bool
	quiet     bool
}

// Main runs the command as this process.
func Main(s Stage) { cli.Main(New(s)) }

// New returns the command.
func New(s Stage) *cli.Command {
	var o options
	return &cli.Command{
		Name:  "sim",
		Brief: fmt.Sprintf("run stage %d in the simulator", s.Number),
		Detail: `Without another flag it runs one seed. The last line on the standard output is
hash=…: the same for the same seed and flags, on any machine.
When a run fails, sim prints the rule that was broken, the shrunk schedule, and the
command that replays it, and exits with 1.`,
		Example: fmt.Sprintf("%[1]s -seed 7 -trace t.jsonl -html t.html\n%[1]s -schedules 100000\n%[1]s -seed 7 -step", s.Command),
		Flags: func(f *flag.FlagSet) {
			o = options{}
			o.declare(f)
			if s.Flags != nil {
				s.Flags(f)
			}
		},
		Run: func(ctx context.Context, _ []string, std cli.Std) error {
			r := &runner{Stage: s, options: o, std: std}
			return r.run(ctx)
		},
	}
}

func (o *options) declare(f *flag.FlagSet) {
	f.Uint64Var(&o.seed, "seed", 1, "begin with seed `N`")
	f.IntVar(&o.schedules, "schedules", 0, "run `N` seeds, on all processors")
	f.DurationVar(&o.duration, "for", 0, "run seeds for `TIME`")
	f.IntVar(&o.events, "events", 500, "end a run after `N` steps")
	f.DurationVar(&o.liveness, "liveness", 0, "end all faults after the events, and demand every answer within virtual `TIME`")
	f.StringVar(&o.faults, "faults", "all", "let faults of `KIND` strike: none, network or all")
	f.BoolVar(&o.damage, "damage", false, "let disks damage records besides, which a stage need only tell")
	f.StringVar(&o.scheduler, "scheduler", "either", "order events by `NAME`: timed, untimed, or either as the seed decides")
	f.StringVar(&o.trace, "trace", "", "write a line of JSON for each step to `FILE`")
	f.StringVar(&o.html, "html", "", "write the run as one self-contained page to `FILE`")
	f.BoolVar(&o.print, "print", false, "print the run")
	f.BoolVar(&o.step, "step", false, "step through the run, forward and back")
	f.BoolVar(&o.shrunk, "shrunk", false, "of a seed that fails, show the shrunk run instead of the whole")
	f.StringVar(&o.script, "script", "", "run the golden script `FILE` and compare")
	f.StringVar(&o.replay, "replay", "", "replay `FILE`, which a server recorded with -record")
	f.BoolVar(&o.explore, "explore", false, "try every run of a small world")
	f.BoolVar(&o.pipe, "pipe", false, "serve this stage's machines to a judge on standard input and output")
	f.BoolVar(&o.quiet, "quiet", false, "no progress on the standard error")
}

type runner struct {
	Stage
	options
	std cli.Std
}

// errFailed ends the command after a failure that was told in full.
var errFailed = cli.Exit(cli.NotDone)

func (r *runner) run(ctx context.Context) error {
	if err := r.check(); err != nil {
		return err
	}
	switch {
	case r.explore:
		return r.runExplore(ctx)
	case r.schedules > 0 || r.duration > 0:
		return r.runMany(ctx)
	}
	// All else may wait for its input, and looks at no context.
	signal.Reset(os.Interrupt, syscall.SIGTERM)
	switch {
	case r.pipe:
		return sim.ServePipe(stream{r.std.In, r.std.Out}, r.Roles)
	case r.script != "":
		return r.runScript()
	case r.replay != "":
		return r.runReplay()
	}
	return r.runOne()
}

type stream struct {
	io.Reader
	io.Writer
}

// modes counts the flags that ask for something else than one seed.
func (r *runner) modes() (n int) {
	for _, on := range []bool{r.pipe, r.script != "", r.replay != "", r.explore, r.schedules > 0 || r.duration > 0} {
		if on {
			n++
		}
	}
	return n
}

func (r *runner) check() error {
	modes := r.modes()
	switch {
	case modes > 1:
		return cli.Usagef("-pipe, -script, -replay, -explore and -schedules or -for exclude each other")
	case r.schedules < 0 || r.events < 1:
		return cli.Usagef("-schedules and -events want positive numbers")
	case r.duration < 0 || r.liveness < 0:
		return cli.Usagef("-for and -liveness want positive times")
	case modes == 1 && r.replay == "" && r.script == "" && (r.html != "" || r.trace != "" || r.print || r.step):
		return cli.Usagef("-trace, -html, -print and -step show one run: give its -seed, a -script or a -replay")
	}
	if _, ok := faultKinds[r.faults]; !ok {
		return cli.Usagef("bad value %q for -faults: want none, network or all", r.faults)
	}
	if _, ok := schedulers[r.scheduler]; !ok {
		return cli.Usagef("bad value %q for -scheduler: want timed, untimed or either", r.scheduler)
	}
	return nil
}

var faultKinds = map[string]func() sim.Faults{
	"none":    func() sim.Faults { return sim.Faults{} },
	"network": sim.NetworkFaults,
	"all":     sim.AllFaults,
}

var schedulers = map[string]sim.Scheduler{"either": sim.Either, "timed": sim.Timed, "untimed": sim.Untimed}

// config is the stage's world as the flags want it.
func (r *runner) config() *sim.Config {
	cfg := r.World()
	cfg.Faults = faultKinds[r.faults]()
	if r.damage {
		cfg.Faults = cfg.Faults.Damaging()
	}
	if r.Limits != nil {
		cfg.Faults = r.Limits(cfg.Faults)
	}
	cfg.Scheduler = schedulers[r.scheduler]
	cfg.Events = r.events
	cfg.Liveness = machine.Time(r.liveness)
	return cfg
}

func (r *runner) progress(text string) {
	if !r.quiet {
		fmt.Fprintln(r.std.Err, text)
	}
}

// command is what replays a seed with the present flags.
func (r *runner) command(seed uint64) string {
	c := fmt.Sprintf("%s -seed %d", r.Command, seed)
	if r.events != 500 {
		c += fmt.Sprintf(" -events %d", r.events)
	}
	if r.liveness != 0 {
		c += fmt.Sprintf(" -liveness %v", r.liveness)
	}
	if r.faults != "all" {
		c += " -faults " + r.faults
	}
	if r.damage {
		c += " -damage"
	}
	if r.scheduler != "either" {
		c += " -scheduler " + r.scheduler
	}
	if r.Chosen != nil {
		c += r.Chosen()
	}
	return c
}

// garbagePercent is the GOGC of many runs. Their worlds are small and short-lived: it
// costs some 50 MB, and saves a quarter of the time.
const garbagePercent = 800

func (r *runner) runMany(ctx context.Context) error {
	if os.Getenv("GOGC") == "" {
		defer debug.SetGCPercent(debug.SetGCPercent(garbagePercent))
	}
	cfg, start := r.config(), time.Now()
	total := &sim.Summary{}
	for seed := r.seed; ; {
		n := r.schedules
		if r.duration > 0 {
			n = 100 // between two looks at the clock
		}
		part := sim.Many(ctx, cfg, seed, n, func(done int) {
			r.progress(fmt.Sprintf("%d schedules, %v", total.Schedules+done, time.Since(start).Round(time.Second)))
		})
		total.Stats.Add(part.Stats)
		total.Hash += part.Hash
		total.Failed, total.Seed, total.Stopped = part.Failed, part.Seed, part.Stopped
		seed += uint64(n)
		if r.duration == 0 || part.Failed != nil || part.Stopped || time.Since(start) >= r.duration {
			break
		}
	}
	fmt.Fprint(r.std.Out, total.Table())
	if total.Failed != nil {
		return r.tell(cfg, total.Seed, total.Failed, sim.Shrink(cfg, total.Seed, shrinkBudget))
	}
	r.progress(fmt.Sprintf("%.2f M steps/s", float64(total.Steps)/time.Since(start).Seconds()/1e6))
	if total.Stopped {
		return fmt.Errorf("interrupted after %d schedules: none failed", total.Schedules)
	}
	fmt.Fprintf(r.std.Out, "hash=%016x\n", total.Hash)
	return nil
}

func (r *runner) runOne() error {
	cfg := r.config()
	w := sim.NewWorld(cfg, r.seed)
	defer w.Close()
	shown := r.shows()
	if shown != nil && !r.shrunk {
		w.Trace(shown.add)
	}
	fail := w.Run()
	stats := w.Stats()
	fmt.Fprint(r.std.Out, stats.Table())
	var err error
	if fail != nil {
		small := sim.Shrink(cfg, r.seed, shrinkBudget)
		err = r.tell(cfg, r.seed, fail, small)
		if shown != nil && r.shrunk && small != nil {
			replay := sim.Replay(cfg, r.seed, small.Actions)
			replay.Trace(shown.add)
			replay.Run()
			replay.Close()
		}
	}
	if e := shown.show(r, r.command(r.seed)); e != nil {
		err = errors.Join(err, e)
	}
	fmt.Fprintf(r.std.Out, "hash=%016x\n", w.Hash())
	return err
}

// shrinkBudget bounds the replays of one shrinking: a second or two.
const shrinkBudget = 3000

// tell prints a failure: what, the shrunk schedule if there is one, and how to see
// it again.
func (r *runner) tell(cfg *sim.Config, seed uint64, fail *sim.Failure, small *sim.Shrunk) error {
	out := r.std.Out
	fmt.Fprintf(out, "FAILED seed %d, %v\n", seed, fail)
	if fail.Stack != "" {
		fmt.Fprintln(out, fail.Stack)
	}
	if small != nil {
		fmt.Fprintf(out, "shrunk from %d to %d actions: %v\n", small.Before, len(small.Actions), small.Failure)
		for _, line := range sim.Describe(cfg, small.Actions) {
			fmt.Fprintln(out, "  "+line)
		}
	} else {
		fmt.Fprintln(out, "(made of what did not happen: it has no shorter schedule)")
	}
	fmt.Fprintf(out, "replay: %s\nsee it: %s -shrunk -step\n", r.command(seed), r.command(seed))
	return errFailed
}

func create(name string, write func(io.Writer) error) (err error) {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return write(f)
}
