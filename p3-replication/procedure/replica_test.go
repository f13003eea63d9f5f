package procedure_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"iter"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"dss.example/p3-replication/procedure"
)

// programs is how many random programs two replicas run and compare.
const programs = 1000

// starvedEnv tells a process of this test that it is the poor replica.
const starvedEnv = "PROCEDURE_STARVED"

func TestMain(m *testing.M) {
	if os.Getenv(starvedEnv) != "" {
		tellOutcomes(os.Stdout, true)
		return
	}
	os.Exit(m.Run())
}

// small are ceilings that random programs often meet.
func small() procedure.Limits {
	l := procedure.Standard()
	l.Steps, l.Memory, l.Reads, l.Changes, l.ChangeBytes = 5_000, 128<<10, 100, 10, 4<<10
	return l
}

// world is what random programs meet.
var (
	world  = stateOf("a", "5", "key/1", "-70", "key/2", "x", "room", "", "é", strings.Repeat("long", 100))
	update = []procedure.Change{put("key/1", "3"), remove("room"), put("new", "\xff")}
)

// slow is a Reader that makes much of its work, as on a host without memory or time.
type slow struct{ state }

func (s slow) Get(key string) ([]byte, bool) {
	runtime.Gosched()
	v, ok := s.state.Get(key)
	return slices.Clone(v), ok
}

func (s slow) Scan(from, to string) iter.Seq2[string, []byte] {
	return func(yield func(string, []byte) bool) {
		for k, v := range s.state.Scan(from, to) {
			runtime.Gosched()
			if !yield(strings.Clone(k), slices.Clone(v)) {
				return
			}
		}
	}
}

// tellOutcomes runs the random programs and writes a line for each: how it ended, and a hash
// of all that it answered. The poor replica reads slowly, and
// has run each program already.
func tellOutcomes(w *os.File, starved bool) {
	var out bytes.Buffer
	i := procedure.New(small())
	var db procedure.Reader = world
	if starved {
		db = slow{world}
	}
	for seed := range uint64(programs) {
		src := program(seed)
		if starved {
			_, _ = outcome(i, src, db)
		}
		answer, how := outcome(i, src, db)
		fmt.Fprintf(&out, "%d %s %x\n", seed, how, sha256.Sum256([]byte(answer)))
	}
	_, _ = w.Write(out.Bytes())
}

// outcome returns all that a program answers, as a text, and how it ended in a word.
func outcome(i *procedure.Interpreter, src string, db procedure.Reader) (answer, how string) {
	holds, refused := i.Check(src, db, update)
	made, err := i.Merge(src, db, update)
	how = "done"
	for kind, word := range map[error]string{
		procedure.ErrRefused: "refused", procedure.ErrCeiling: "ceiling", procedure.ErrFailed: "failed", procedure.ErrUnresolved: "unresolved",
	} {
		if errors.Is(err, kind) {
			how = word
		}
	}
	return fmt.Sprintf("%v %v %+v %v", holds, refused, made, err), how
}

// Two processes with seeds of their own, one with hardly any memory, one processor and a slow
// state, answer alike to the byte.
func TestStarvedReplicaAnswersAlike(t *testing.T) {
	self, err := os.Executable()
	require.NoError(t, err)
	poor := exec.Command(self)
	poor.Env = append(os.Environ(), starvedEnv+"=1", "GOMEMLIMIT=12MiB", "GOGC=10", "GOMAXPROCS=1")
	poor.Stderr = os.Stderr
	theirs, err := poor.Output()
	require.NoError(t, err)

	file, err := os.CreateTemp(t.TempDir(), "rich")
	require.NoError(t, err)
	tellOutcomes(file, false)
	require.NoError(t, file.Close())
	ours, err := os.ReadFile(file.Name())
	require.NoError(t, err)

	a, b := strings.Split(string(ours), "\n"), strings.Split(string(theirs), "\n")
	require.Len(t, b, len(a))
	ended := map[string]int{}
	for n := range a {
		require.Equal(t, a[n], b[n], "%s", program(uint64(n)))
		if fields := strings.Fields(a[n]); len(fields) > 1 {
			ended[fields[1]]++
		}
	}
	// The programs are worth running: they end in every way but at the door.
	require.Greater(t, ended["done"], programs/10, ended)
	require.Greater(t, ended["ceiling"], programs/50, ended)
	require.Greater(t, ended["failed"], programs/10, ended)
	require.Positive(t, ended["unresolved"], ended)
	require.Zero(t, ended["refused"], ended)
}
