package exam

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"dss.example/common/judge"
)

// Result is a verdict, and what staff wants to know beside it.
type Result struct {
	judge.Verdict
	Schedules int    // of a simulator's check that failed: how many it took
	Output    string // of the process
	Err       error  // ErrBuild if there was none, because its program does not build
}

// Try tries one check. Its Outcome is NotJudged if ctx has ended, or if the machine
// could not run it.
func (r *Room) Try(ctx context.Context, c *Check, seed uint64) Result {
	begun := time.Now()
	var res Result
	switch {
	case c.test != "":
		res = r.tryTest(ctx, c, seed)
	case c.file != "":
		res = r.tryScript(ctx, c)
	default:
		res = r.trySeeds(ctx, c, seed)
	}
	res.Step, res.Check, res.Rule = c.Step, c.Name, c.Rule
	res.Took = time.Since(begun)
	if res.Outcome == judge.Passed {
		res.Message, res.Replay = "", ""
	}
	return res
}

// patience is how long a check may take.
func (r *Room) patience(c *Check) time.Duration { return cmp.Or(c.timeout, r.setup.Timeout) }

func verdict(o judge.Outcome, message, replay string) Result {
	return Result{Verdict: judge.Verdict{Outcome: o, Message: message, Replay: replay}}
}

// unbuilt is the result of a check whose program cannot be had.
func unbuilt(err error, replay string) Result {
	res := verdict(judge.NotJudged, err.Error(), replay)
	if errors.Is(err, ErrBuild) {
		res.Outcome, res.Err = judge.Failed, err
	}
	return res
}

// tryTest runs one top-level test in a process of its own, in its package's folder.
func (r *Room) tryTest(ctx context.Context, c *Check, seed uint64) Result {
	p, err := r.testProgram(ctx, c.dir)
	replay := c.replay(r.stage, seed, r.testFlags(p, seed))
	switch {
	case errors.Is(err, errNoTests):
		return verdict(judge.Failed, "no such test: "+err.Error(), replay)
	case err != nil:
		return unbuilt(err, replay)
	}
	args := []string{
		"-test.run=^" + c.test + "$", "-test.v=test2json", "-test.paniconexit0",
		"-test.timeout=" + r.patience(c).String(),
	}
	if p.rapid {
		args = append(args, fmt.Sprintf("-rapid.seed=%d", seed), "-rapid.nofailfile")
	}
	env := r.env
	for _, name := range seedVars {
		env = append(env[:len(env):len(env)], fmt.Sprintf("%s=%d", name, seed))
	}
	e := start(ctx, r.patience(c)+graceTime, filepath.Join(r.root, filepath.FromSlash(c.dir)), env, p.file, args...)
	outcome, message := judgeTest(c, &e, r.patience(c))
	res := verdict(outcome, message, replay)
	res.Output = e.all
	return res
}

// testFlags are what go test needs beside the test's name to do the same again.
func (r *Room) testFlags(p program, seed uint64) []string {
	var flags []string
	if r.setup.Race {
		flags = append(flags, "-race")
	}
	if p.rapid {
		flags = append(flags, fmt.Sprintf("-rapid.seed=%d", seed))
	}
	return flags
}

// judgeTest believes the test's own PASS line only, and only at the end of a run
// that went as it should.
func judgeTest(c *Check, e *ended, timeout time.Duration) (judge.Outcome, string) {
	has := func(line string) bool { return strings.Contains(e.all, marker+line) }
	switch {
	case e.failed != nil:
		return judge.NotJudged, e.failed.Error()
	case e.late || strings.Contains(e.all, "panic: test timed out after "):
		return judge.Failed, fmt.Sprintf("was not done after %v, and was ended\n%s", timeout, relevant(e.all))
	case e.code != 0:
		return judge.Failed, relevant(e.all)
	case has("--- SKIP: " + c.test + " ("):
		return judge.Failed, "was skipped, which is not passed\n" + relevant(e.all)
	case has("--- PASS: "+c.test+" (") && has("PASS\n") && !has("--- FAIL: "):
		return judge.Passed, ""
	case !has("=== RUN   "+c.test+"\n") && strings.Contains(e.all, "no tests to run"):
		return judge.Failed, fmt.Sprintf("no such test: %s has no %s", c.dir, c.test)
	}
	return judge.Failed, "the process ended before the test did\n" + relevant(e.all)
}

// runSim runs the stage's simulator at the root.
func (r *Room) runSim(ctx context.Context, c *Check, args ...string) (ended, error) {
	p, err := r.simulator(ctx)
	if err != nil {
		return ended{}, err
	}
	return start(ctx, r.patience(c), r.root, r.env, p.file, args...), nil
}

// tryScript believes a script that has printed itself.
func (r *Room) tryScript(ctx context.Context, c *Check) Result {
	replay := c.replay(r.stage, 0, nil)
	want, err := os.ReadFile(filepath.Join(r.root, filepath.FromSlash(c.file)))
	if err != nil {
		return verdict(judge.Failed, "no such script: "+c.file, replay)
	}
	e, err := r.runSim(ctx, c, "-script", c.file)
	if err != nil {
		return unbuilt(err, replay)
	}
	res := verdict(judge.Failed, "", replay)
	res.Output = e.all
	switch {
	case e.failed != nil:
		res.Outcome, res.Message = judge.NotJudged, e.failed.Error()
	case e.late:
		res.Message = fmt.Sprintf("was not done after %v, and was ended", r.patience(c))
	case e.code != 0:
		res.Message = relevant(e.errs)
	case e.out != string(want):
		res.Message = "the process ended before the script did\n" + relevant(e.all)
	default:
		res.Outcome = judge.Passed
	}
	return res
}

var (
	hashLine   = regexp.MustCompile(`(?m)^hash=[0-9a-f]{16}\n$`)
	failedLine = regexp.MustCompile(`(?m)^FAILED seed ([0-9]+), `)
)

// trySeeds believes a simulator that has printed the hash of its runs.
func (r *Room) trySeeds(ctx context.Context, c *Check, seed uint64) Result {
	args := append(c.args[:len(c.args):len(c.args)],
		"-seed", strconv.FormatUint(seed, 10), "-schedules", strconv.Itoa(r.setup.Schedules), "-quiet")
	replay := "go run ./" + r.stage.Dir + "/cmd/sim"
	for _, arg := range args {
		replay += " " + quote(arg)
	}
	e, err := r.runSim(ctx, c, args...)
	if err != nil {
		return unbuilt(err, replay)
	}
	res := verdict(judge.Failed, "", replay)
	res.Output = e.all
	found := failedLine.FindStringSubmatchIndex(e.out)
	switch {
	case e.failed != nil:
		res.Outcome, res.Message = judge.NotJudged, e.failed.Error()
	case e.late:
		res.Message = fmt.Sprintf("%d schedules were not done after %v, and were ended", r.setup.Schedules, r.patience(c))
	case e.code == 0 && found == nil && hashLine.MatchString(e.out):
		res.Outcome = judge.Passed
	case found != nil:
		res.Message = story(e.out[found[0]:])
		if failed, err := strconv.ParseUint(e.out[found[2]:found[3]], 10, 64); err == nil {
			res.Schedules, res.Replay = int(failed-seed)+1, c.replay(r.stage, failed, nil)
		}
	case e.code == 0:
		res.Message = "the process ended before its schedules did\n" + relevant(e.all)
	default:
		res.Message = relevant(e.all)
	}
	return res
}

// story is what a simulator tells of a failure, without the commands that it names
// and with its stack dump cut to what matters.
func story(out string) string {
	var lines, stack []string
	inStack := false
	for _, line := range strings.Split(out, "\n") {
		switch {
		case strings.HasPrefix(line, "replay: "), strings.HasPrefix(line, "see it: "):
			continue
		case strings.HasPrefix(line, "goroutine "):
			inStack = true
		case strings.HasPrefix(line, "shrunk from "), strings.HasPrefix(line, "("):
			inStack = false
			lines = append(lines, places(stack)...)
			stack = nil
		}
		if inStack {
			stack = append(stack, line)
		} else {
			lines = append(lines, line)
		}
	}
	return firstLines(clean(strings.Join(append(lines, places(stack)...), "\n")))
}
