package exam_test

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"dss.example/common/course/exam"
	"dss.example/common/judge"
)

func TestRightWorkEarnsAllPoints(t *testing.T) {
	r := newTree(t).run(exam.Options{})
	require.Empty(t, failures(r))
	require.True(t, exam.Passed(r))
	require.Len(t, r.Checks, 9)
	require.Empty(t, cmp.Diff(strings.Join([]string{
		"p1.1   Count                                       40 of 40",
		"p1.2   List                                        25 of 25",
		"p1.3   Count once                                  35 of 35",
		"p1                                                100 of 100 points",
		"",
	}, "\n"), printed(t, r)))
}

func TestEachKindOfFailureTellsItsRuleAndACommandThatShowsIt(t *testing.T) {
	w := newTree(t)
	w.replace("p1-toy/tally/tally.go", "return min(max(n, low), high)", "return max(n, low+1)") // unit, script, process
	w.replace("p1-toy/tally/tally.go", "remember(t.orders, order)", "// forgotten")             // unit, seeds
	r := w.run(exam.Options{})
	failed := failures(r)
	for check, want := range map[string]judge.Verdict{
		"tally TestCountStaysWithinItsBounds": {
			Message: "    tally_test.go:22: a count below its bound: 1\n    tally_test.go:25: a count above its bound: 2001",
			Rule:    "a count is the sum of what was added to it, within its bounds",
			Replay:  "go test ./p1-toy/tally -run '^TestCountStaysWithinItsBounds$'",
		},
		"sim -orders 30": {
			Message: "FAILED seed 1, each order counts once: the count is 33: want 30",
			Rule:    "however often orders come again, each counts once",
			Replay:  "go tool ds replay p1 1 -- -orders 30",
		},
	} {
		got := failed[check]
		require.Equal(t, judge.Failed, got.Outcome, check)
		require.Empty(t, cmp.Diff([]string{want.Message, want.Rule, want.Replay}, []string{got.Message, got.Rule, got.Replay}))
	}
	require.Len(t, failed, 3)
	require.False(t, exam.Passed(r))
	text := printed(t, r)
	require.Contains(t, text, "p1.1   Count                                       30 of 40\n"+
		"  FAILED: tally TestCountStaysWithinItsBounds\n  rule:  a count is the sum")
	require.Contains(t, text, "p1.3   Count once                                   0 of 35\n")
	require.Contains(t, text, "(1 more of its 2 checks have not passed)")
	require.Contains(t, text, "55 of 100 points")

	words := strings.Fields(failed["tally TestCountStaysWithinItsBounds"].Replay)
	again := exec.Command("sh", "-c", strings.Join(words, " "))
	again.Dir, again.Env = w.root, append(os.Environ(), "GOWORK="+w.file("go.work"), "GOFLAGS=-trimpath")
	out, err := again.CombinedOutput()
	require.Error(t, err)
	require.Contains(t, string(out), "a count below its bound: 1")
}

func TestScriptsAndProcessesFailWithWhatTheySaid(t *testing.T) {
	w := newTree(t)
	w.replace("p1-toy/world/world.go", `"%s=%d"`, `"%s = %d"`)
	failed := failures(w.run(exam.Options{Step: "1"}))
	require.Len(t, failed, 2)
	script, process := failed["testdata/add.txt"], failed["cmd/tally TestOrdersAreReadAndAnswered"]
	require.Equal(t, "p1-toy/testdata/add.txt: expected (-), but happened (+):\n- a=2\nb=5\na=42\n\n+ a = 2\nb = 5\na = 42", script.Message)
	require.Equal(t, "go tool ds replay p1 p1-toy/testdata/add.txt", script.Replay)
	require.Contains(t, process.Message, `the program answers "a = 2\na = 42\n"`)
	require.Equal(t, "go test ./p1-toy/cmd/tally -run '^TestOrdersAreReadAndAnswered$'", process.Replay)
}

func TestAScriptThatLeavesEarlyHasNotPassed(t *testing.T) {
	w := newTree(t)
	w.replace("p1-toy/cmd/sim/main.go", "\tfmt.Print(lines, ", "\tos.Exit(0)\n\tfmt.Print(lines, ")
	failed := failures(w.run(exam.Options{Step: "1"}))
	require.Len(t, failed, 1)
	require.Equal(t, "the process ended before the script did\n", failed["testdata/add.txt"].Message)
}

// tricks are tests that have not passed, and what is said of them.
var tricks = map[string]struct{ body, want string }{
	"TestExits":   {`os.Exit(0)`, "panic: unexpected call to os.Exit(0) during test\n  at p1-toy/tally/tricks_test.go:"},
	"TestLeaves":  {`syscall.Exit(0)`, "the process ended before the test did"},
	"TestForges":  {`fmt.Println("--- PASS: TestForges (0.00s)\nPASS"); syscall.Exit(0)`, "the process ended before the test did\n--- PASS: TestForges (0.00s)\nPASS"},
	"TestSkips":   {`t.SkipNow()`, "was skipped, which is not passed"},
	"TestHangs":   {`select {}`, "was not done after 2s, and was ended\npanic: test timed out after 2s\nrunning tests:\nTestHangs (2s)\n  at p1-toy/tally/tricks_test.go:"},
	"TestPanics":  {`tally.New().Do(1, "a", boom())`, "panic: not written yet\n  at p1-toy/tally/tricks_test.go:"},
	"TestColours": {`t.Fatal("\x1b[31mred\x1b]0;title\a \u202ebidi")`, "red]0;title bidi"},
	"TestFloods":  {`for range 1 << 8 { fmt.Println(strings.Repeat("flood\n", 1<<10)) }; t.Error("the end")`, "flood\n\n    tricks_test.go:"},
	"TestLeavesAProcess": {
		`c := exec.Command("sleep", "60"); c.Stdout = os.Stdout; c.Start(); t.Fatal("left", c.Process.Pid)`, "left ",
	},
	"TestIsNotThere": {"", "no such test: p1-toy/tally has no TestIsNotThere"},
}

func TestNothingPassesButATestThatPassed(t *testing.T) {
	w := newTree(t)
	source := "package tally_test\n\nimport (\n\t\"fmt\"\n\t\"os\"\n\t\"os/exec\"\n\t\"strings\"\n\t\"syscall\"\n\t\"testing\"\n\n\t\"toy.example/p1-toy/tally\"\n)\n\n" +
		"func boom() int { panic(\"not written yet\") }\n"
	names := []string{"TestKeysAreInOrder"}
	for name, trick := range tricks {
		names = append(names, name)
		if trick.body != "" {
			source += "\nfunc " + name + "(t *testing.T) { " + trick.body + " }\n"
		}
	}
	w.write("p1-toy/tally/tricks_test.go", source)
	w.replace("p1-toy/stage.yaml", "run: [TestKeysAreInOrder]", "run: ["+strings.Join(names, ", ")+"]")
	w.replace("p1-toy/stage.yaml", "unit: order", "unit: world")                // a package without tests
	w.replace("p1-toy/stage.yaml", "testdata/list.txt", "testdata/missing.txt") // a script that is not there
	failed := failures(w.run(exam.Options{Step: "p1.2", Timeout: 2 * time.Second}))
	for name, trick := range tricks {
		require.Equal(t, judge.Failed, failed["tally "+name].Outcome, name)
		require.Contains(t, failed["tally "+name].Message, trick.want, name)
	}
	require.NotContains(t, failed, "tally TestKeysAreInOrder")
	require.Less(t, len(failed["tally TestFloods"].Message), 1000)
	require.Equal(t, "no such test: there are no tests in p1-toy/world", failed["world TestMostIsTheFirstOfTheLargest"].Message)
	require.Equal(t, "no such script: p1-toy/testdata/missing.txt", failed["testdata/missing.txt"].Message)
}

func TestASimulatorThatLeavesEarlyOrHangsHasNotPassed(t *testing.T) {
	for body, want := range map[string]string{
		`os.Exit(0)`:                   "the process ended before its schedules did\n",
		`panic("out of order")`:        "panic: out of order\n  at p1-toy/cmd/sim/main.go:",
		`print("unhappy"); os.Exit(1)`: "unhappy",
		`for i := 0; ; i++ { _ = i }`:  "200 schedules were not done after 1s, and were ended",
	} {
		t.Run(body, func(t *testing.T) {
			w := newTree(t)
			w.replace("p1-toy/cmd/sim/main.go", "\tflag.Parse()\n", "\tflag.Parse()\n\tif *schedules > 1 { "+body+" }\n")
			failed := failures(w.run(exam.Options{Step: "3", Timeout: time.Second}))
			require.Contains(t, failed["sim -orders 30"].Message, want)
			require.Equal(t, "go run ./p1-toy/cmd/sim -orders 30 -seed 1 -schedules 200 -quiet", failed["sim -orders 30"].Replay)
			require.Len(t, failed, 1)
		})
	}
}

func TestWorkThatDoesNotCompileIsRefused(t *testing.T) {
	w := newTree(t)
	w.replace("p1-toy/tally/tally.go", "return min(max(n, low), high)", "return nowhere")
	r := w.run(exam.Options{})
	require.Regexp(t, `(?s)^does not build:.*tally.go:47:9: undefined: nowhere`, r.Refused)
	require.Empty(t, r.Checks)
	require.False(t, exam.Passed(r))
	require.Contains(t, printed(t, r), "p1 A tally: nothing was tried: it does not build:")
}

func TestATestThatDoesNotCompileFailsAlone(t *testing.T) {
	w := newTree(t)
	w.write("p1-toy/order/more_test.go", "package order_test\n\nvar missing = order.Missing\n")
	failed := failures(w.run(exam.Options{Step: "2"}))
	require.Len(t, failed, 1)
	require.Regexp(t, `(?s)^does not build:.*more_test.go:3:15: undefined: order`, failed["order TestMostIsTheFirstOfTheLargest"].Message)
}

func TestWhatVetFindsIsToldAndCostsNothing(t *testing.T) {
	w := newTree(t)
	w.replace("p1-toy/order/order.go", "\treturn best, ok\n}", "\treturn best, ok\n\tpanic(best)\n}")
	var note string
	r := w.run(exam.Options{Step: "2", Report: func(p exam.Progress) { note += p.Note }})
	require.True(t, exam.Passed(r))
	require.Regexp(t, `(?s)^has what go vet finds fault with:.*order.go:\d+:\d+: unreachable code$`, note)
}

func TestRunsHaveOtherSeedsAndEachFailureIsCounted(t *testing.T) {
	w := newTree(t)
	w.replace("p1-toy/tally/tally_test.go", "func TestKeysAreInOrder(t *testing.T) {",
		"func TestKeysAreInOrder(t *testing.T) {\n\tif os.Getenv(\"KVTEST_SEED\") != \"7\" {\n\t\tt.Fatal(\"seed \" + os.Getenv(\"DSS_SEED\"))\n\t}")
	w.replace("p1-toy/tally/tally_test.go", `"slices"`, "\"os\"\n\t\"slices\"")
	var told []exam.Progress
	failed := failures(w.run(exam.Options{Step: "2", Runs: 3, Seed: 7, Report: func(p exam.Progress) { told = append(told, p) }}))
	require.Len(t, failed, 1)
	got := failed["tally TestKeysAreInOrder"]
	require.Equal(t, "failed in 2 of 3 runs: with seed 10000007, 20000007\n    tally_test.go:32: seed 10000007", got.Message)
	require.Equal(t, "DSS_SEED=10000007 KVTEST_SEED=10000007 go test ./p1-toy/tally -run '^TestKeysAreInOrder$'", got.Replay)
	require.Len(t, told, 9)
	require.Equal(t, [2]int{9, 9}, [2]int{told[8].Done, told[8].All})
}

func TestStressTriesMoreSchedulesUnderTheRaceDetector(t *testing.T) {
	w := newTree(t)
	w.replace("p1-toy/tally/tally.go", "\tremember(t.orders, order)\n", `	go remember(t.orders, order)
	_ = t.orders[order+1]
`)
	w.replace("p1-toy/cmd/sim/main.go", "\thash := fnv", "\tif *schedules != 5000 {\n\t\tpanic(*schedules)\n\t}\n\thash := fnv")
	w.replace("p1-toy/tally/tally_test.go", "table.Do(7, \"a\", 1); got != 1", "table.Do(7, \"a\", 1); got > 2")
	failed := failures(w.run(exam.Options{Step: "3", Stress: true}))
	require.Contains(t, failed["tally TestOrderThatComesTwiceIsCarriedOutOnce"].Message, "WARNING: DATA RACE")
	require.Equal(t, "go test ./p1-toy/tally -run '^TestOrderThatComesTwiceIsCarriedOutOnce$' -race", failed["tally TestOrderThatComesTwiceIsCarriedOutOnce"].Replay)
	require.NotContains(t, failed["sim -orders 30"].Message, "panic")
}

func TestARunEndsWithItsContextAndLeavesNothing(t *testing.T) {
	w := newTree(t)
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	w.replace("p1-toy/tally/tally_test.go", "func TestKeysAreInOrder(t *testing.T) {", "func TestKeysAreInOrder(t *testing.T) {\n\t<-t.Context().Done()")
	ctx, cancel := context.WithCancel(t.Context())
	_, err := exam.Run(ctx, w.root, w.stage(), exam.Options{Step: "2", Report: func(exam.Progress) { cancel() }})
	require.ErrorIs(t, err, context.Canceled)
	left, err := os.ReadDir(temp)
	require.NoError(t, err)
	require.Empty(t, left)
}

func TestAStepThatIsNotThereIsAnError(t *testing.T) {
	w := newTree(t)
	_, err := exam.Run(t.Context(), w.root, w.stage(), exam.Options{Step: "p1.9"})
	require.ErrorContains(t, err, `no step "p1.9"`)
}
