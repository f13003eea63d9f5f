package grade

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	"dss.example/common/judge"
	"dss.example/common/judge/box"
)

// judgeTime bounds the judge's work on one submission by the clock. The judge bounds
// each of its checks itself.
const judgeTime = 2 * time.Hour

// maxVerdicts bounds what a judge may print, in bytes.
const maxVerdicts = 16 << 20

// ErrJudge means that the judge did not do its work. It says nothing about a
// submission.
var ErrJudge = errors.New("the judge failed")

// judging is the stage's judge, and what it is known to check.
type judging struct {
	program string
	args    []string
	list    []judge.Verdict // without outcomes
}

// newJudging builds the judge from staff's tree, unless there is one.
func newJudging(ctx context.Context, g *grader) (*judging, error) {
	j := &judging{program: g.Judge, args: g.JudgeArgs}
	if j.program == "" {
		j.program = filepath.Join(g.work, "judge")
		said, err := goCommand(ctx, g.Root, slices.Concat(buildProgram, []string{"-o", j.program, "./" + g.Stage.Dir + "/cmd/judge"})...)
		if err != nil {
			return nil, fmt.Errorf("build the judge: %w: %s", err, said)
		}
	}
	var err error
	if j.list, err = j.start(ctx, "-list"); err != nil {
		return nil, err
	}
	checked := map[string]bool{}
	for _, v := range j.list {
		checked[v.Step] = true
	}
	for i := range g.Stage.Steps {
		if !checked[g.Stage.Steps[i].ID] {
			return nil, fmt.Errorf("%w: it has no checks for step %s", ErrJudge, g.Stage.Steps[i].ID)
		}
	}
	return j, nil
}

// judgeMemory bounds the judge in bytes: whatever a submission may make it do, the machine
// and the others who are graded on it go on.
const judgeMemory = 8 << 30

// run judges the programs in a folder.
func (j *judging) run(ctx context.Context, bin string) ([]judge.Verdict, error) {
	ctx, cancel := context.WithTimeout(ctx, judgeTime)
	defer cancel()
	got, err := j.start(ctx, append([]string{"-bin", bin}, j.args...)...)
	if err != nil {
		return nil, err
	}
	return j.match(got)
}

// start starts the judge and reads what it prints.
func (j *judging) start(ctx context.Context, args ...string) ([]judge.Verdict, error) {
	out, said := &head{most: maxVerdicts}, &head{most: maxSaid}
	cmd := exec.Command(j.program, args...)
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = out, said, time.Second
	cmd.Env = buildEnvironment()
	if err := run(ctx, cmd, box.Limits{Memory: judgeMemory}); err != nil {
		return nil, fmt.Errorf("%w: %w: %s", ErrJudge, errors.Join(err, ctx.Err()), said)
	}
	var all []judge.Verdict
	d := json.NewDecoder(bytes.NewReader(out.Bytes()))
	d.DisallowUnknownFields()
	for d.More() {
		var v judge.Verdict
		if err := d.Decode(&v); err != nil {
			return nil, fmt.Errorf("%w: it printed what is no verdict: %w", ErrJudge, err)
		}
		all = append(all, v)
	}
	return all, nil
}

// match demands exactly one verdict for each check.
func (j *judging) match(got []judge.Verdict) ([]judge.Verdict, error) {
	type id struct{ step, check string }
	known := map[id]judge.Verdict{}
	for _, v := range got {
		at := id{v.Step, v.Check}
		if _, twice := known[at]; twice {
			return nil, fmt.Errorf("%w: two verdicts on %s %q", ErrJudge, v.Step, v.Check)
		}
		switch v.Outcome {
		case judge.Passed, judge.Failed, judge.NotJudged:
		default:
			return nil, fmt.Errorf("%w: outcome %q of %s %q", ErrJudge, v.Outcome, v.Step, v.Check)
		}
		known[at] = v
	}
	var all []judge.Verdict
	for _, want := range j.list {
		v, ok := known[id{want.Step, want.Check}]
		if !ok {
			return nil, fmt.Errorf("%w: no verdict on %s %q", ErrJudge, want.Step, want.Check)
		}
		all = append(all, v)
	}
	if len(got) != len(all) {
		return nil, fmt.Errorf("%w: %d verdicts on %d checks", ErrJudge, len(got), len(all))
	}
	return all, nil
}
