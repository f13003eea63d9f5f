package exam_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"dss.example/common/course/exam"
	"dss.example/common/course/toy"
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
	w.replace("p1-toy/tally/tally.go", "return min(max(n, low), high)", "return max(n, low+1)")
	w.replace("p1-toy/tally/tally.go", "remember(t.orders, order)", "// forgotten")
	w.replace("p1-toy/world/world.go", `"%s=%d"`, `"%s = %d"`)
	r := w.run(exam.Options{})
	failed := failures(r)
	for check, want := range map[string]judge.Verdict{
		"tally TestCountStaysWithinItsBounds": {
			Message: "    tally_test.go:22: a count below its bound: 1\n    tally_test.go:25: a count above its bound: 2001",
			Rule:    "a count is the sum of what was added to it, within its bounds",
			Replay:  "go test ./p1-toy/tally -run '^TestCountStaysWithinItsBounds$'",
		},
		"tally TestOrderThatComesTwiceIsCarriedOutOnce": {
			Message: "    tally_test.go:46: an order was carried out twice: 2",
			Rule:    "an order that comes again changes nothing",
			Replay:  "go test ./p1-toy/tally -run '^TestOrderThatComesTwiceIsCarriedOutOnce$'",
		},
		"testdata/add.txt": {
			Message: "p1-toy/testdata/add.txt: expected (-), but happened (+):\n- a=2\nb=5\na=42\n\n+ a = 2\nb = 5\na = 42",
			Rule:    "every order is answered with the count after it",
			Replay:  "go tool ds replay p1 p1-toy/testdata/add.txt",
		},
		"testdata/list.txt": {
			Message: "p1-toy/testdata/list.txt: expected (-), but happened (+):\n- b=2\na=5\na=5, b=2\n\n+ b = 2\na = 5\na=5, b=2",
			Rule:    "a list shows names in order",
			Replay:  "go tool ds replay p1 p1-toy/testdata/list.txt",
		},
		"sim -orders 30": {
			Message: "FAILED seed 1, each order counts once: the count is 33: want 30",
			Rule:    "however often orders come again, each counts once",
			Replay:  "go tool ds replay p1 1 -- -orders 30",
		},
		"cmd/tally TestOrdersAreReadAndAnswered": {
			Message: `    main_test.go:25: the program answers "a = 2\na = 42\n": <nil>`,
			Rule:    "the program answers each line with the count after it",
			Replay:  "go test ./p1-toy/cmd/tally -run '^TestOrdersAreReadAndAnswered$'",
		},
	} {
		got := failed[check]
		require.Equal(t, judge.Failed, got.Outcome, check)
		require.Empty(t, cmp.Diff([]string{want.Message, want.Rule, want.Replay}, []string{got.Message, got.Rule, got.Replay}))
	}
	require.Len(t, failed, 6)
	require.False(t, exam.Passed(r))
	text := printed(t, r)
	require.Contains(t, text, "p1.1   Count                                       10 of 40\n"+
		"  FAILED: tally TestCountStaysWithinItsBounds\n  rule:  a count is the sum")
	require.Contains(t, text, "p1.3   Count once                                   0 of 35\n")
	require.Contains(t, text, "(1 more of its 2 checks have not passed)")
	require.Contains(t, text, "26.67 of 100 points")

	words := strings.Fields(failed["tally TestCountStaysWithinItsBounds"].Replay)
	again := exec.Command("sh", "-c", strings.Join(words, " "))
	again.Dir, again.Env = w.root, append(os.Environ(), "GOWORK="+w.file("go.work"), "GOFLAGS=-trimpath")
	out, err := again.CombinedOutput()
	require.Error(t, err)
	require.Contains(t, string(out), "a count below its bound: 1")
}

// tricks are tests that have not passed, and what is said of them.
var tricks = map[string]struct{ body, want string }{
	"TestExits":   {`os.Exit(0)`, "panic: unexpected call to os.Exit(0) during test\n  at p1-toy/tally/tricks_test.go:"},
	"TestLeaves":  {`syscall.Exit(0)`, "the process ended before the test did"},
	"TestForges":  {`fmt.Println("--- PASS: TestForges (0.00s)\nPASS"); syscall.Exit(0)`, "the process ended before the test did\n--- PASS: TestForges (0.00s)\nPASS"},
	"TestSkips":   {`t.SkipNow()`, "was skipped, which is not passed"},
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
	failed := failures(w.run(exam.Options{Step: "p1.2"}))
	for name, trick := range tricks {
		require.Equal(t, judge.Failed, failed["tally "+name].Outcome, name)
		require.Contains(t, failed["tally "+name].Message, trick.want, name)
	}
	require.NotContains(t, failed, "tally TestKeysAreInOrder")
	require.Less(t, len(failed["tally TestFloods"].Message), 1000)
	require.Equal(t, "no such test: there are no tests in p1-toy/world", failed["world TestMostIsTheFirstOfTheLargest"].Message)
	require.Equal(t, "no such script: p1-toy/testdata/missing.txt", failed["testdata/missing.txt"].Message)
}

// checks returns those of a kind.
func (w *tree) checks(kind string) []exam.Check {
	w.t.Helper()
	all, err := exam.Checks(w.stage(), "")
	require.NoError(w.t, err)
	return slices.DeleteFunc(all, func(c exam.Check) bool { return c.Kind != kind })
}

func TestASimulatorThatLeavesEarlyHasNotPassed(t *testing.T) {
	w := newTree(t)
	w.replace("p1-toy/cmd/sim/main.go", "\tfmt.Print(lines, ", "\tos.Exit(0)\n\tfmt.Print(lines, ")
	w.replace("p1-toy/cmd/sim/main.go", "\thash := fnv", `	switch *seed {
	case 1:
		os.Exit(0)
	case 2:
		panic("out of order")
	case 3:
		print("unhappy")
		os.Exit(1)
	}
	hash := fnv`)
	room, err := exam.Open(t.Context(), w.root, w.stage(), exam.Setup{})
	require.NoError(t, err)
	defer room.Close()
	sim := w.checks("seeds")
	for seed, want := range map[uint64]string{
		1: "the process ended before its schedules did\n",
		2: "panic: out of order\n  at p1-toy/cmd/sim/main.go:",
		3: "unhappy",
	} {
		got := room.Try(t.Context(), &sim[0], seed)
		require.Equal(t, judge.Failed, got.Outcome)
		require.Contains(t, got.Message, want)
		require.Equal(t, fmt.Sprintf("go run ./p1-toy/cmd/sim -orders 30 -seed %d -schedules 200 -quiet", seed), got.Replay)
	}
	require.Equal(t, judge.Passed, room.Try(t.Context(), &sim[0], 4).Outcome)
	for _, script := range w.checks("script") {
		require.Equal(t, "the process ended before the script did\n", room.Try(t.Context(), &script, 1).Message)
	}
}

func TestWhatHangsIsEndedAndHasNotPassed(t *testing.T) {
	w := newTree(t)
	w.replace("p1-toy/cmd/sim/main.go", "\thash := fnv", "\tfor i := 0; ; i++ { _ = i }\n\thash := fnv")
	w.replace("p1-toy/tally/tally_test.go", "func TestOrderThatComesTwiceIsCarriedOutOnce(t *testing.T) {", "func TestOrderThatComesTwiceIsCarriedOutOnce(t *testing.T) {\n\tselect {}")
	failed := failures(w.run(exam.Options{Step: "3", Timeout: 2 * time.Second}))
	require.Regexp(t, `^was not done after 2s, and was ended
panic: test timed out after 2s
running tests:
TestOrderThatComesTwiceIsCarriedOutOnce \(\d+s\)
  at p1-toy/tally/tally_test.go:`, failed["tally TestOrderThatComesTwiceIsCarriedOutOnce"].Message)
	require.Equal(t, "200 schedules were not done after 2s, and were ended", failed["sim -orders 30"].Message)
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

func TestAModuleOfItsOwnInTheStageIsLeftAlone(t *testing.T) {
	w := newTree(t)
	w.write("p1-toy/foreign/go.mod", "module dss.example/p1-toy/foreign\n\ngo 1.26.0\n")
	w.write("p1-toy/foreign/foreign.go", "package foreign\n\nvar _ = missing\n")
	require.True(t, exam.Passed(w.run(exam.Options{Step: "2"})))
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

func TestATestThatKnowsRapidGetsItsSeedInAFlag(t *testing.T) {
	w := newTree(t)
	w.replace("go.work", "use ./p1-toy", "use (\n\t./p1-toy\n\t./rapid\n)")
	w.write("rapid/go.mod", "module pgregory.net/rapid\n\ngo 1.26.0\n")
	w.write("rapid/rapid.go", "package rapid\n\nimport \"flag\"\n\nvar Seed = flag.Uint64(\"rapid.seed\", 0, \"\")\n\nfunc init() { flag.Bool(\"rapid.nofailfile\", false, \"\") }\n")
	w.replace("p1-toy/order/order_test.go", `"testing"`, "\"testing\"\n\n\t\"pgregory.net/rapid\"")
	w.replace("p1-toy/order/order_test.go", "func TestMostIsTheFirstOfTheLargest(t *testing.T) {", "func TestMostIsTheFirstOfTheLargest(t *testing.T) {\n\tt.Error(\"seed\", *rapid.Seed)")
	room, err := exam.Open(t.Context(), w.root, w.stage(), exam.Setup{})
	require.NoError(t, err)
	defer room.Close()
	for _, c := range w.checks("unit") {
		got := room.Try(t.Context(), &c, 7)
		if c.Name != "order TestMostIsTheFirstOfTheLargest" {
			require.Equal(t, judge.Passed, got.Outcome, "the others do not know the flag")
			continue
		}
		require.Equal(t, "    order_test.go:12: seed 7", got.Message)
		require.Equal(t, "DSS_SEED=7 KVTEST_SEED=7 go test ./p1-toy/order -run '^TestMostIsTheFirstOfTheLargest$' -rapid.seed=7", got.Replay)
	}
}

func TestTestsOfOneTreeShareAFolderForTheProgramsTheyStart(t *testing.T) {
	t.Setenv("DSS_PROGRAMS", "/somebody/elses")
	w := &tree{t, toy.Write(t)}
	w.replace("p1-toy/cmd/tally/main_test.go", "\tprogram := exec.Command(os.Args[0])\n", `	there, err := os.ReadDir(os.Getenv("DSS_PROGRAMS"))
	if err != nil {
		t.Fatal(err)
	}
	os.Mkdir(os.Getenv("DSS_PROGRAMS")+"/one", 0o700)
	t.Error("found", len(there))
	program := exec.Command(os.Args[0])
`)
	process := w.checks("process")
	for range 2 {
		room, err := exam.Open(t.Context(), w.root, w.stage(), exam.Setup{})
		require.NoError(t, err)
		for n := range 2 {
			require.Contains(t, room.Try(t.Context(), &process[0], 1).Message, fmt.Sprintf(": found %d", n))
		}
		require.NoError(t, room.Close())
	}
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

func TestAPlainRoomCompilesTheStageWithoutInlining(t *testing.T) {
	w := newTree(t)
	w.replace("p1-toy/tally/tally_test.go", "func TestKeysAreInOrder(t *testing.T) {", `func one() *int {
	n := 1
	return &n
}

func TestKeysAreInOrder(t *testing.T) {
	t.Error("allocations:", testing.AllocsPerRun(1, func() { _ = *one() }))`)
	keys := slices.IndexFunc(w.checks("unit"), func(c exam.Check) bool { return c.Name == "tally TestKeysAreInOrder" })
	for plain, want := range map[bool]string{false: "allocations: 0", true: "allocations: 1"} {
		room, err := exam.Open(t.Context(), w.root, w.stage(), exam.Setup{Plain: plain})
		require.NoError(t, err)
		require.Contains(t, room.Try(t.Context(), &w.checks("unit")[keys], 1).Message, want)
		require.NoError(t, room.Close())
	}
}

func TestARunEndsWithItsContext(t *testing.T) {
	w := newTree(t)
	w.replace("p1-toy/tally/tally_test.go", "func TestKeysAreInOrder(t *testing.T) {", "func TestKeysAreInOrder(t *testing.T) {\n\t<-t.Context().Done()")
	ctx, cancel := context.WithCancel(t.Context())
	_, err := exam.Run(ctx, w.root, w.stage(), exam.Options{Step: "2", Report: func(exam.Progress) { cancel() }})
	require.ErrorIs(t, err, context.Canceled)
}

func TestAStepThatIsNotThereIsAnError(t *testing.T) {
	w := newTree(t)
	_, err := exam.Run(t.Context(), w.root, w.stage(), exam.Options{Step: "p1.9"})
	require.ErrorContains(t, err, `no step "p1.9"`)
}
