package simcmd

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/google/go-cmp/cmp"

	"dss.example/common/machine"
	"dss.example/common/run/recording"
	"dss.example/common/script"
	"dss.example/common/sim"
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

// show writes the records in every form that was asked for.
func (s *shown) show(r *runner) error {
	if s == nil {
		return nil
	}
	var errs []error
	if r.trace != "" {
		errs = append(errs, create(r.trace, s.writeLines))
	}
	if r.html != "" {
		errs = append(errs, create(r.html, func(w io.Writer) error {
			return trace.HTML(w, s.records, fmt.Sprintf("stage %d, %s", r.Number, r.command(r.seed)))
		}))
	}
	if r.print {
		errs = append(errs, trace.Print(r.std.Out, s.records, trace.Options{}))
	}
	if r.step {
		errs = append(errs, trace.Step(r.std.In, r.std.Out, s.records))
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
	if err := shown.show(r); err != nil {
		return err
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		fmt.Fprintf(r.std.Err, "%s expects something else (-expected +happened):\n%s", r.options.script, diff)
		return errFailed
	}
	return nil
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
			return errors.Join(err, p.shown.show(r))
		}
	}
	fmt.Fprintf(r.std.Out, "%d steps replayed, all as recorded\n", p.steps)
	if err := p.shown.show(r); err != nil {
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
