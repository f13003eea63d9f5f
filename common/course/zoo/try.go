package zoo

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"dss.example/common/course/exam"
	"dss.example/common/course/stage"
	"dss.example/common/house/mutant"
	"dss.example/common/judge"
)

func (z *zoo) open(ctx context.Context, files map[string][]byte, race bool, timeout time.Duration) (*exam.Room, error) {
	return exam.Open(ctx, z.root, z.stage, exam.Setup{Overlay: files, Plain: true, Race: race, Timeout: timeout})
}

// patience is how many times as long as on a mutant, which may well hang, a check may take
// on a right variant: that it was late would be this machine's fault.
const patience = 4

// seeds returns the seed of each run.
func (z *zoo) seeds() (all []uint64) {
	for run := range max(z.options.Runs, 1) {
		all = append(all, exam.Seed(z.options.Seed, run))
	}
	return all
}

// tryRight tries all checks that the variant can reach.
func (z *zoo) tryRight(ctx context.Context, r right) *Row {
	row := &Row{ID: r.name, Right: true}
	room, err := z.open(ctx, r.files, false, patience*z.options.Timeout)
	if err != nil {
		row.Err = err
		return row
	}
	defer room.Close()
	checks, err := z.reaching(ctx, r.files)
	if err != nil {
		row.Err = err
		return row
	}
	for _, seed := range z.seeds() {
		for _, v := range room.TryAll(ctx, checks, seed, func(judge.Verdict) {}) {
			switch {
			case v.Outcome == judge.NotJudged:
				row.Err = errors.New(v.Message)
			case v.Outcome == judge.Failed && row.Check == "":
				row.caught(exam.Result{Verdict: v}, false)
			}
		}
	}
	return row
}

// reaching returns the checks whose programs can hold a file of a variant. Any other
// program has the same bytes as without the variant.
func (z *zoo) reaching(ctx context.Context, files map[string][]byte) (reach []exam.Check, err error) {
	room, err := z.asItIs(ctx, false)
	if err != nil {
		return nil, err
	}
	for i := range z.checks {
		holds, err := room.Holds(ctx, &z.checks[i], folders(files))
		if err != nil {
			return nil, err
		}
		if holds {
			reach = append(reach, z.checks[i])
		}
	}
	return reach, nil
}

// caught notes what failed.
func (r *Row) caught(res exam.Result, race bool) {
	r.Step, r.Check, r.Schedules, r.Race = res.Step, res.Check, res.Schedules, race
	r.Message = "rule: " + res.Rule + "\n" + res.Message
}

func (z *zoo) tryMutant(ctx context.Context, m *mutant.Mutant) *Row {
	row := &Row{ID: m.ID, Rule: m.Rule}
	files, err := m.Apply(z.root)
	if err == nil {
		err = z.kill(ctx, row, m, files, false)
	}
	if err == nil && row.Check == "" && slices.Contains(strings.Fields(m.Instrument), "R") {
		err = z.kill(ctx, row, m, files, true)
	}
	row.Err = err
	return row
}

// kill looks for a check that catches the mutant, in every run.
func (z *zoo) kill(ctx context.Context, row *Row, m *mutant.Mutant, files map[string][]byte, race bool) error {
	room, err := z.open(ctx, files, race, z.options.Timeout)
	if err != nil {
		return err
	}
	defer room.Close()
	checks, err := z.reaching(ctx, files)
	if err != nil {
		return err
	}
	checks = order(checks, z.stage, files, touched(z.root, z.stage, files))
	for run, seed := range z.seeds() {
		res, at, err := z.first(ctx, room, checks, seed, race)
		switch {
		case err != nil:
			return err
		case at < 0:
			row.Luck = row.Check != ""
			return nil
		case run == 0:
			row.caught(res, race)
			row.Said = strings.Contains(row.Message+res.Output, m.Message)
		}
		first := checks[at]
		checks = slices.Insert(slices.Delete(checks, at, at+1), 0, first) // what has caught it is likely to again
	}
	return nil
}

// first returns what came of the first check that fails on a mutant and not on the
// tree as it is, and its place in checks, or -1.
func (z *zoo) first(ctx context.Context, room *exam.Room, checks []exam.Check, seed uint64, race bool) (exam.Result, int, error) {
	for i := range checks {
		c := &checks[i]
		res := room.Try(ctx, c, seed)
		switch res.Outcome {
		case judge.NotJudged:
			return res, -1, errors.New(res.Message)
		case judge.Failed:
			if res.Err != nil {
				return res, -1, res.Err
			}
			ok, err := z.passes(ctx, c, seed, race)
			if err != nil {
				return res, -1, err
			}
			if !ok {
				return res, -1, fmt.Errorf("%s of %s fails on the tree as it is, too: it shows nothing", c.Name, c.Step)
			}
			return res, i, nil
		}
	}
	return exam.Result{}, -1, nil
}

// passes reports whether a check passes on the tree as it is, where it is tried once.
func (z *zoo) passes(ctx context.Context, c *exam.Check, seed uint64, race bool) (bool, error) {
	room, err := z.asItIs(ctx, race)
	if err != nil {
		return false, err
	}
	key := fmt.Sprintln(c.Step, c.Name, seed, race)
	z.mu.Lock()
	try, ok := z.normal[key]
	if !ok {
		try = sync.OnceValues(func() (bool, error) {
			v := room.Try(ctx, c, seed)
			if v.Outcome == judge.NotJudged {
				return false, errors.New(v.Message)
			}
			return v.Outcome == judge.Passed, nil
		})
		z.normal[key] = try
	}
	z.mu.Unlock()
	return try()
}

// order sorts checks by what they are likely to cost: first those of the steps whose
// functions are changed, then those whose programs are built by then. Real processes
// come last.
func order(checks []exam.Check, s *stage.Stage, files map[string][]byte, steps []int) []exam.Check {
	rank := func(c *exam.Check) int {
		step, _ := s.Index(c.Step)
		near := slices.Contains(steps, step)
		own := slices.ContainsFunc(folders(files), func(f string) bool { return f == c.Folder() })
		for i, is := range []bool{
			c.Kind == "unit" && near, c.Kind == "unit" && own, c.Kind != "process" && near, c.Kind == "unit", c.Kind != "process", near,
		} {
			if is {
				return i
			}
		}
		return len(checks)
	}
	sorted := slices.Clone(checks)
	slices.SortStableFunc(sorted, func(a, b exam.Check) int { return rank(&a) - rank(&b) })
	return sorted
}

// folders are those of the packages that a variant changes.
func folders(files map[string][]byte) []string {
	all := map[string]bool{}
	for name := range files {
		all[path.Dir(name)] = true
	}
	return slices.Sorted(maps.Keys(all))
}
