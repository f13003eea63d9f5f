package procedure_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"dss.example/p3-replication/procedure"
)

func TestEachCeilingEndsARunAtTheSamePlace(t *testing.T) {
	limits := procedure.Limits{Steps: 1000, Memory: 32 << 10, Reads: 20, Changes: 3, ChangeBytes: 100, Source: 1000}
	db := stateOf("a", strings.Repeat("x", 200), "b", strings.Repeat("y", 33<<10))
	for _, c := range []struct{ body, want string }{
		{"for i in range(1000): pass", "2:3: steps: a run may take 1000"},
		{"range(900) == [x for x in range(900)]", "2:20: steps: a run may take 1000"},
		{"sum(range(2147483647))", "2:6: steps: a run may take 1000"},
		{"2147483647 in list(range(2147483647))", "2:21: steps: a run may take 1000"},
		{"x = [0] * 50; y = [x] * 50; [y] == [y]", "2:35: steps: a run may take 1000"},
		{"'x' * 40000", "2:7: memory: a run may make 32768 bytes of values"},
		{"'x' * 9223372036854775807", "2:7: memory: a run may make 32768 bytes of values"},
		{"[0] * 9223372036854775807", "2:7: memory: a run may make 32768 bytes of values"},
		{"9223372036854775807 * (1, 2)", "2:23: memory: a run may make 32768 bytes of values"},
		{"x = 'x' * 9000; x += x; x += x; x + x", "2:29: memory: a run may make 32768 bytes of values"},
		{"x = 'x' * 9000; ('%s' * 9) % (x, x, x, x, x, x, x, x, x)", "2:30: memory: a run may make 32768 bytes of values"},
		{"x = 'x' * 9000; '{0}{0}{0}'.format(x)", "2:37: memory: a run may make 32768 bytes of values"},
		{"x = 'x' * 9000; x.join(['', '', '', '', ''])", "2:25: memory: a run may make 32768 bytes of values"},
		{"x = 'x' * 200; x.replace('x', x)", "2:27: memory: a run may make 32768 bytes of values"},
		{"x = 'x' * 900; x.elems()", "2:25: memory: a run may make 32768 bytes of values"},
		{"x = ',' * 400; x.split(',')", "2:25: memory: a run may make 32768 bytes of values"},
		{"x = [0] * 100; y = [x] * 90; str(y)", "2:35: steps: a run may take 1000"},
		{"d = {}\n  for i in range(900): d[i] = i", "3:25: steps: a run may take 1000"},
		{"dict(enumerate(range(120)))", "2:7: memory: a run may make 32768 bytes of values"},
		{"db.get('b')", "2:9: memory: a run may make 32768 bytes of values"},
		{"db.scan()", "2:10: memory: a run may make 32768 bytes of values"},
		{"for i in range(50): db.get('c')", "2:29: reads: a run may read 20 keys"},
		{"for i in range(50): db.put(str(i % 4), '')", "2:29: changes: a run may change 3 keys"},
		{"for i in range(50): db.put('a', 'x' * i * 3)", "2:29: changes: a run may change 100 bytes of keys and values"},
	} {
		src := "def merge(db, update):\n  " + c.body
		i := procedure.New(limits)
		for range 2 { // compiled now, compiled before
			made, err := i.Merge(src, db, nil)
			require.EqualError(t, err, "merge procedure, "+c.want, c.body)
			require.ErrorIs(t, err, procedure.ErrCeiling)
			require.Nil(t, made)
		}
	}
}

// Whatever a run may take it may take in full: a ceiling holds from its own number on.
func TestCeilingIsReachedAndNotPassed(t *testing.T) {
	limits := procedure.Limits{Steps: 1000, Memory: 32 << 10, Reads: 20, Changes: 3, ChangeBytes: 8, Source: 1000}
	i := procedure.New(limits)
	for _, c := range []struct {
		within, beyond string
	}{
		{"for k in range(20): db.get('c')", "for k in range(21): db.get('c')"},
		{"for k in range(3): db.put(str(k), '')", "for k in range(4): db.put(str(k), '')"},
		{"db.put('k', '1234567')", "db.put('k', '12345678')"},
		{"db.put('k', '1234567'); db.put('k', 'abcdefg')", "db.put('k', '1234567'); db.put('l', '')"},
	} {
		_, err := i.Merge("def merge(db, update):\n  "+c.within, stateOf(), nil)
		require.NoError(t, err, c.within)
		_, err = i.Merge("def merge(db, update):\n  "+c.beyond, stateOf(), nil)
		require.ErrorIs(t, err, procedure.ErrCeiling, c.beyond)
	}
	require.NoError(t, i.ValidateCheck("True"+strings.Repeat(" ", 996)))
	require.Error(t, i.ValidateCheck("True"+strings.Repeat(" ", 997)))
}

// What statements outside of functions have taken counts in each run, also when the program
// was compiled for another.
func TestTopLevelCountsInEveryRun(t *testing.T) {
	limits := procedure.Limits{Steps: 1000, Memory: 256 << 10, Reads: 1, Changes: 1, ChangeBytes: 8, Source: 1000}
	i := procedure.New(limits)
	run := func(top, inside int) error {
		src := fmt.Sprintf("X = [i for i in range(%d)]\ndef merge(db, update):\n    for i in range(%d): pass\n", top, inside)
		_, first := i.Merge(src, stateOf(), nil)
		_, second := i.Merge(src, stateOf(), nil)
		require.Equal(t, first, second)
		return first
	}
	require.NoError(t, run(40, 40))
	require.NoError(t, run(1, 150))
	require.ErrorIs(t, run(40, 150), procedure.ErrCeiling)
}

// Programs are kept compiled up to a bound; one that made room for others answers as before.
func TestForgottenProgramAnswersAsBefore(t *testing.T) {
	i := procedure.New(procedure.Standard())
	first := i.ValidateMerge("{}")
	for n := range 200 {
		holds, err := i.Check(fmt.Sprintf("%d < 100", n), stateOf(), nil)
		require.NoError(t, err)
		require.Equal(t, n < 100, holds)
	}
	for n := range 200 {
		holds, err := i.Check(fmt.Sprintf("%d < 100", n), stateOf(), nil)
		require.NoError(t, err)
		require.Equal(t, n < 100, holds)
	}
	require.Equal(t, first, i.ValidateMerge("{}"))
}

func TestErrorTellsRolePlaceAndKind(t *testing.T) {
	_, err := procedure.New(procedure.Standard()).Merge("def merge(db, update):\n  x = 1\n  fail(x)", stateOf(), nil)
	var e *procedure.Error
	require.True(t, errors.As(err, &e))
	require.Equal(t, &procedure.Error{Role: "merge procedure", Line: 3, Column: 7, Text: "1", Kind: procedure.ErrUnresolved}, e)
}

// A literal is charged for its parts, and a lambda for itself, though each costs steps too.
func TestLiteralsAreCharged(t *testing.T) {
	limits := procedure.Standard()
	limits.Memory = 2 << 10
	i := procedure.New(limits)
	ones, pairs := strings.Repeat("1, ", 100), ""
	for n := range 20 {
		pairs += fmt.Sprintf("%d: 0, ", n)
	}
	for _, expr := range []string{"(" + ones + ")", "[" + ones + "]", "{" + pairs + "}", "[lambda: 1 for i in range(20)]"} {
		_, err := i.Check(expr+" == None", stateOf(), nil)
		require.ErrorIs(t, err, procedure.ErrCeiling, expr)
		require.ErrorContains(t, err, "memory")
	}
}
