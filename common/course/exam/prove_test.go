package exam_test

import (
	"bytes"
	"context"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dss.example/common/course/exam"
	"dss.example/common/course/toy"
)

func (w *tree) prove(step string) (rungs []exam.Rung, table string, err error) {
	w.t.Helper()
	rungs, err = exam.Prove(w.t.Context(), w.root, w.stage(), step, nil)
	var b bytes.Buffer
	require.NoError(w.t, exam.PrintRungs(&b, rungs))
	return rungs, slow.ReplaceAllString(b.String(), ""), err
}

func TestALadderThatHoldsIsProvenRungByRung(t *testing.T) {
	rungs, table, err := newTree(t).prove("")
	require.NoError(t, err, table)
	var points []float64
	var passed, failed []int
	for _, r := range rungs {
		points, passed, failed = append(points, r.Points), append(passed, r.Passed), append(failed, r.Failed)
	}
	require.Equal(t, []float64{0, 40, 65, 100}, points)
	require.Equal(t, []int{0, 4, 7, 9}, passed)
	require.Equal(t, []int{9, 5, 2, 0}, failed)
	require.Regexp(t, `\n3 +100 of 100 +9 +0 +\d+ +\d+\.\d\d\n$`, table)
}

func TestALadderThatDoesNotHoldIsFoundOut(t *testing.T) {
	w := newTree(t)
	w.replace("p1-toy/stage.yaml", "[TestCountsAreSums, TestCountStaysWithinItsBounds]", "[TestKeysAreInOrder]")
	w.replace("p1-toy/stage.yaml", "        run: [TestKeysAreInOrder]\n        rule: names", "        run: [TestKeysAreInOrder, TestCountsAreSums]\n        rule: names")
	w.replace("p1-toy/stage.yaml", "[TestOrderThatComesTwiceIsCarriedOutOnce]", "[TestOrderThatComesTwiceIsCarriedOutOnce, TestIsFickle]")
	w.write("p1-toy/tally/fickle_test.go", "package tally_test\n\nimport (\n\t\"testing\"\n\n\t\"toy.example/p1-toy/tally\"\n)\n\n"+
		"func TestIsFickle(t *testing.T) {\n\tdefer func() { _ = recover() }()\n\ttally.New().Keys()\n\tt.Error(\"keys are there\")\n}\n")
	w.replace("p1-toy/README.md", "# Stage 1: a tally\n", "# Stage 1: a tally\n\n\tlist = append(list, fmt.Sprintf(\"%s=%d\", name, t.counts[name]))\n")
	_, table, err := w.prove("1")
	require.ErrorIs(t, err, exam.ErrProof)
	require.ErrorContains(t, err, "with 0 steps solved: p1-toy/README.md:3 gives away p1-toy/tally/tally.go:")
	require.Contains(t, table, "the points do not add up: tally TestIsFickle of p1.3 passes\n1 ")
	require.Contains(t, table, "tally TestKeysAreInOrder of p1.1 fails: panic: ")
	require.Contains(t, table, "tally TestCountsAreSums of p1.2 passes, before the step is solved\n")
}

func TestARungThatDoesNotBuildOrVetIsFoundOut(t *testing.T) {
	w := newTree(t)
	w.replace("p1-toy/tally/tally.go", "counts: map[string]int{}", "counts: make(map[string]int, lowest)")
	w.replace("p1-toy/tally/tally.go", "p1.3 return true", "p1.3 return t != nil && t != nil")
	_, table, err := w.prove("1")
	require.ErrorContains(t, err, "with 0 steps solved: it does not build:\n# toy.example/p1-toy/tally\np1-toy/tally/tally.go:15:45: undefined: lowest")
	require.Regexp(t, `\n1 .*\n  WRONG: it has what go vet finds fault with:\n.*: redundant and: t != nil && t != nil`, table)
}

func TestDirectivesThatDisagreeWithTheStageAreFoundOut(t *testing.T) {
	w := newTree(t)
	w.replace("p1-toy/stage.yaml", "[tally.Table.first]", "[tally.Table.Do]")
	_, _, err := w.prove("1")
	require.ErrorContains(t, err, "tally.Table.Do of p1.3 has no //ds:todo")
}

func TestAProofEndsWithItsContext(t *testing.T) {
	w := newTree(t)
	w.replace("p1-toy/tally/tally_test.go", "t.Errorf(\"a list is %q\", got)\n\t}", "t.Errorf(\"a list is %q\", got)\n\t}\n\t<-t.Context().Done()") // hangs when p1.2 is solved
	ctx, cancel := context.WithCancel(t.Context())
	var told []string
	rungs, err := exam.Prove(ctx, w.root, w.stage(), "", func(line string) {
		told = append(told, line)
		cancel()
	})
	require.ErrorIs(t, err, context.Canceled)
	require.NotEmpty(t, rungs)
	require.Less(t, len(rungs), 3)
	require.Len(t, told, len(rungs))
	_, err = exam.Prove(ctx, w.root, w.stage(), "", nil)
	require.ErrorIs(t, err, context.Canceled)
}

func TestTheNextRungIsBegunWhileProcessesOfAnUnsolvedOneWait(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	w := &tree{t, toy.Write(t)}
	w.replace("p1-toy/cmd/tally/main_test.go", "\tprogram := exec.Command(os.Args[0])\n", `	conn, err := net.Dial("tcp", "`+ln.Addr().String()+`")
	if err != nil {
		t.Fatal(err)
	}
	io.Copy(io.Discard, conn)
	program := exec.Command(os.Args[0])
`)
	w.replace("p1-toy/cmd/tally/main_test.go", `"os"`, "\"io\"\n\t\"net\"\n\t\"os\"")
	var trees int // when the first process need not wait any more
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			if trees == 0 {
				trees = untilTwoTrees(conn)
			}
			conn.Close()
		}
	})
	_, table, err := w.prove("1")
	ln.Close()
	serving.Wait()
	require.NoError(t, err, table)
	require.Equal(t, 2, trees)
}

// untilTwoTrees waits until the trees of two rungs are there, or until a process that
// waits is ended. It returns how many there are then.
func untilTwoTrees(waits net.Conn) int {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_, _ = waits.Read(make([]byte, 1))
	}()
	for {
		select {
		case <-ended:
			return 1
		case <-time.After(10 * time.Millisecond):
			if trees, _ := filepath.Glob(filepath.Join(os.Getenv("TMPDIR"), "rung-*")); len(trees) == 2 {
				waits.Close()
				<-ended
				return 2
			}
		}
	}
}
