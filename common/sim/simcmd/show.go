package simcmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"dss.example/common/daemon/cli"
	"dss.example/common/machine"
	"dss.example/common/run/recording"
	"dss.example/common/script"
	"dss.example/common/sim"
	"dss.example/common/sim/explore"
	"dss.example/common/trace"
)

// shown gathers the records of a run that somebody wants to see. A nil shown is
// nobody.
type shown struct{ records []trace.Record }

func (r *runner) shows() *shown {
	if r.trace == "" && r.html == "" && !r.print && !r.step {
		return nil
	}
	return &shown{}
}

func (s *shown) add(r trace.Record) { s.records = append(s.records, r) }

func (s *shown) sink() func(trace.Record) {
	if s == nil {
		return nil
	}
	return s.add
}

// show writes the records in every form that was asked for. what names the run.
func (s *shown) show(r *runner, what string) error {
	if s == nil {
		return nil
	}
	var errs []error
	if r.trace != "" {
		errs = append(errs, create(r.trace, s.writeLines))
	}
	if r.html != "" {
		errs = append(errs, create(r.html, func(w io.Writer) error {
			return trace.HTML(w, s.records, fmt.Sprintf("stage %d, %s", r.Number, what))
		}))
	}
	if r.print {
		errs = append(errs, trace.Print(r.std.Out, s.records, trace.Options{}))
	}
	if r.step {
		errs = append(errs, trace.Step(r.std.In, r.std.Out, s.records))
		fmt.Fprintln(r.std.Out) // the last prompt has no answer
	}
	return errors.Join(errs...)
}

func (s *shown) writeLines(w io.Writer) error {
	out := trace.NewWriter(w)
	for i := range s.records {
		if err := out.Write(&s.records[i]); err != nil {
			return err
		}
	}
	return out.Flush()
}

func (r *runner) runScript() error {
	want, err := os.ReadFile(r.options.script)
	if err != nil {
		return err
	}
	shown := r.shows()
	got, err := script.Run(string(want), r.Script(), shown.sink())
	fmt.Fprint(r.std.Out, got)
	if err != nil {
		return err
	}
	if err := shown.show(r, "script "+r.options.script); err != nil {
		return err
	}
	if string(want) != got {
		r.tellDifference(strings.Split(string(want), "\n"), strings.Split(got, "\n"))
		return errFailed
	}
	return nil
}

// tellDifference prints what stands between the lines that two texts begin and end
// with alike, but not much of it: what comes first is the cause of the rest.
func (r *runner) tellDifference(want, got []string) {
	const most = 10
	same := 0
	for same < min(len(want), len(got)) && want[same] == got[same] {
		same++
	}
	want, got = want[same:], got[same:]
	for len(want) > 0 && len(got) > 0 && want[len(want)-1] == got[len(got)-1] {
		want, got = want[:len(want)-1], got[:len(got)-1]
	}
	fmt.Fprintf(r.std.Err, "%s:%d: expected (-), but happened (+):\n", r.options.script, same+1)
	for _, side := range []struct {
		sign  string
		lines []string
	}{{"-", want}, {"+", got}} {
		for _, line := range side.lines[:min(most, len(side.lines))] {
			fmt.Fprintln(r.std.Err, side.sign, line)
		}
		if more := len(side.lines) - most; more > 0 {
			fmt.Fprintf(r.std.Err, "%s … %d more lines\n", side.sign, more)
		}
	}
}

// runExplore searches the stage's small world, and shows the way to what is wrong
// in it.
func (r *runner) runExplore(ctx context.Context) error {
	if r.Explore == nil {
		return cli.Usagef("stage %d has no small world to explore", r.Number)
	}
	err := r.Explore(ctx, r.std.Out, r.progress)
	var v *explore.Violation
	if !errors.As(err, &v) {
		return err
	}
	fmt.Fprintf(r.std.Out, "FAILED: %v, after these %d actions:\n", v.Err, len(v.Path))
	if err := trace.Print(r.std.Out, v.Trace, trace.Options{}); err != nil {
		return err
	}
	return errFailed
}

// runReplay gives fresh machines what a real server recorded, and compares what
// they say with what was said then.
func (r *runner) runReplay() error {
	f, err := os.Open(r.replay)
	if err != nil {
		return err
	}
	defer f.Close()
	p := &replayer{roles: r.Roles, lives: map[machine.Addr]*sim.Life{}, shown: r.shows()}
	for step, err := range recording.Read(f) {
		if errors.Is(err, recording.ErrCut) {
			r.progress("the recording is cut off, as that of a killed process is; all steps before are whole")
			break
		}
		if err != nil {
			return err
		}
		if err := p.step(step); err != nil {
			return errors.Join(err, p.shown.show(r, "replay of "+r.replay))
		}
	}
	fmt.Fprintf(r.std.Out, "%d steps replayed, all as recorded\n", p.steps)
	if err := p.shown.show(r, "replay of "+r.replay); err != nil {
		return err
	}
	fmt.Fprintf(r.std.Out, "hash=%016x\n", p.hash)
	return nil
}

type replayer struct {
	roles map[string]*machine.Protocol
	lives map[machine.Addr]*sim.Life
	shown *shown
	steps int
	hash  uint64
}

func (p *replayer) step(s recording.Step) error {
	life, err := p.life(s)
	if err != nil {
		return err
	}
	in, err := machine.DecodeIn(s.In, p.roles[s.Header.Self.Role])
	if err != nil {
		return fmt.Errorf("step %d of %s: %w", s.Number, trace.Name(s.Header.Self), err)
	}
	out, err := life.Step(in)
	if err != nil {
		return fmt.Errorf("step %d of %s: %w", s.Number, trace.Name(s.Header.Self), err)
	}
	p.steps++
	hash := recording.Hash(out)
	p.hash = p.hash*31 + hash
	if s.Ended && hash != s.Hash {
		return fmt.Errorf("step %d of %s: the machine says something else than it did when it was recorded", s.Number, trace.Name(s.Header.Self))
	}
	return nil
}

func (p *replayer) life(s recording.Step) (*sim.Life, error) {
	if l := p.lives[s.Header.Self]; l != nil && s.Number > 0 {
		return l, nil
	}
	role := p.roles[s.Header.Self.Role]
	if role == nil {
		return nil, fmt.Errorf("the recording has a machine of role %q: this stage has no such role", s.Header.Self.Role)
	}
	l, err := sim.NewLife(s.Header.Self, role, s.Header.Config, p.shown.sink())
	p.lives[s.Header.Self] = l
	return l, err
}
