package procedure_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"dss.example/p3-replication/procedure"
)

// What is refused at the door, and what people are told. {} stands for def merge(db, update).
func TestProgramThatReadsTheWorldIsRefused(t *testing.T) {
	for _, c := range []struct{ src, want string }{
		{"{}:\n  load('x', 'y')", "2:3: load is not allowed: a procedure sees nothing but the state"},
		{"load('clock', 'now')\n{}: pass", "1:1: load is not allowed: a procedure sees nothing but the state"},
		{"{}: print(1)", "1:24: print is not allowed: a procedure speaks by its changes, and by fail"},
		{"{}: return hash('a')", "1:31: hash is not allowed: it would show the interpreter and not the state"},
		{"{}: return dir(db)", "1:31: dir is not allowed: it would show the interpreter and not the state"},
		{"{}: return getattr(db, 'get')", "1:31: getattr is not allowed: it would show the interpreter and not the state"},
		{"{}: return hasattr(db, 'get')", "1:31: hasattr is not allowed: it would show the interpreter and not the state"},
		{"{}: return [x for x in set([1])]", "1:43: set is not allowed: the keys of a dict are a set"},
		{"{}: return float('1')", "1:31: float is not allowed: count in whole units"},
		{"{}: return bytes('1')", "1:31: bytes is not allowed: every str is a string of bytes"},
		{"{}: return ord('1')", "1:31: ord is not allowed: procedures have no use for it"},
		{"{}: return time.now()", "1:36: nothing has a .now"},
		{"{}: return open('f')", "1:31: undefined: open"},
		{"{}: return id(db)", "1:31: undefined: id"},
		{"{}: return random()", "1:31: undefined: random"},
		{"{}: return db.__class__", "1:34: nothing has a .__class__"},
		{"{}: return $index", "1:31: unexpected input character '$'"},
		{"{}: return 1.5", "1:31: floating-point numbers are not allowed: count in whole units"},
		{"{}: return 3 / 2", "1:33: / is not allowed: // divides and rounds down"},
		{"{}:\n  x = 4\n  x /= 2", "3:5: / is not allowed: // divides and rounds down"},
		{"{}: return b'x'", "1:31: bytes literals are not allowed: every str is a string of bytes"},
		{"{}: return 9223372036854775808", "1:31: 9223372036854775808 does not fit 64 bits"},
	} {
		refused(t, c.src, c.want)
	}
}

// refused checks that a merge procedure is refused, by ValidateMerge and by Merge alike.
func refused(t *testing.T, src, want string) {
	t.Helper()
	src = strings.ReplaceAll(src, "{}", "def merge(db, update)")
	i := procedure.New(procedure.Standard())
	err := i.ValidateMerge(src)
	require.ErrorIs(t, err, procedure.ErrRefused, src)
	require.EqualError(t, err, "merge procedure, "+want, "%.200s", src)
	_, again := i.Merge(src, stateOf(), nil)
	require.Equal(t, err, again)
}

func TestProgramOfAnotherShapeIsRefused(t *testing.T) {
	for _, c := range []struct{ src, want string }{
		{"{}: return (", "1:32: got end of file, want primary expression"},
		{"{}:\n  while True: pass", "2:3: while is not allowed: write a for loop"},
		{"{}:\n  def f(): pass", "2:3: a def within a def is not allowed: write it beside, or a lambda"},
		{"def f(*args): pass\n{}: pass", "1:7: * parameters are not allowed: name them all"},
		{"def f(**args): pass\n{}: pass", "1:7: ** parameters are not allowed: name them all"},
		{"{}: db.put(*update)", "1:31: * arguments are not allowed: write them out"},
		{"{}: db.put(**update)", "1:31: ** arguments are not allowed: write them out"},
		{"{}: db.x = 1", "1:26: only a name or a place in a list or dict can be assigned to"},
		{"{}: update[1:2] = []", "1:30: only a name or a place in a list or dict can be assigned to"},
		{"{}: db.x += 1", "1:29: only a name or a place in a list or dict can be on the left of +="},
		{"for x in []: pass\n{}: pass", "1:1: for loop not within a function"},
		{"x = 1\nx = 2\n{}: pass", "2:1: cannot reassign global x declared at procedure:1:1"},
		{"def merge(db): pass", "1:1: merge takes two parameters: write def merge(db, update)"},
		{"merge = lambda db, update: None", "1:9: merge takes two parameters: write def merge(db, update)"},
		{"x = 1 // 0\n{}: pass", "1:7: floored division by zero"},
		{"x = fail('at once')\n{}: pass", "1:9: at once"},
		{"x = 'a' * 300000\n{}: pass", "1:9: memory: a run may make 262144 bytes of values"},
	} {
		refused(t, c.src, c.want)
	}
	i := procedure.New(procedure.Standard())
	for src, want := range map[string]string{
		"merge = 3":                "merge procedure: merge is int: write def merge(db, update)",
		"x = 1":                    "merge procedure: the program defines none: write def merge(db, update)",
		"True":                     "merge procedure: the program defines none: write def merge(db, update)",
		strings.Repeat("#", 1<<20): "merge procedure: 1048576 bytes of source: at most 16384 are allowed",
	} {
		require.EqualError(t, i.ValidateMerge(src), want)
	}
	require.NoError(t, i.ValidateMerge(""))
	require.NoError(t, i.ValidateCheck(""))
	require.NoError(t, i.ValidateCheck("True"))
	require.EqualError(t, i.ValidateCheck("def merge(db, update): pass"),
		"dependency check: the program defines none: write an expression, or def check(db, update)")
}

func TestProgramThatIsTooLargeInOneWayIsRefused(t *testing.T) {
	functions, names := "", ""
	for n := range 101 {
		functions += fmt.Sprintf("def f%d(): pass\n", n)
		names += fmt.Sprintf("  n%d = 0\n", n)
	}
	for _, c := range []struct{ src, want string }{
		{functions + "{}: pass", "101:1: more than 100 functions"},
		{"{}:\n" + names, "1:1: merge has more than 64 names"},
		{"{}: return lambda a" + manyNames(70) + ": 0", "1:31: a lambda has more than 64 names"},
		{"{}: return [" + strings.Repeat("1,", 600) + "]", "1:1054: more than 512 terms in a statement"},
		{"{}: return " + strings.Repeat("1+", 200) + "1", "1:234: nested deeper than 100"},
		{"{}: return db" + strings.Repeat(".get", 200), "1:437: nested deeper than 100"},
		{"{}: return db" + strings.Repeat("()", 200), "1:235: nested deeper than 100"},
		{"{}: return db" + strings.Repeat("[0]", 200), "1:336: nested deeper than 100"},
		{"{}: return " + strings.Repeat("-", 200) + "1", "1:129: nested deeper than 100"},
	} {
		refused(t, c.src, c.want)
	}
}

func manyNames(n int) string {
	s := ""
	for i := range n {
		s += fmt.Sprintf(", a%d", i)
	}
	return s
}

// Hostile sources of 64 KiB nest what the grammar lets them; none ends the process.
func TestNestingCannotExhaustTheStack(t *testing.T) {
	limits := procedure.Standard()
	limits.Source = 64 << 10
	i := procedure.New(limits)
	for _, unit := range []string{
		"(", "[", "{", "{1:", "f(", "a.", "a[", "-", "~", "not ", "lambda:", "lambda x=", "1 if ", "1 if 1 else ", "[x for x in ",
		"a+", "a and ", "a,", "a=", "a().", "a[0]", "()", "\"\"", "if 1:\n", "if 1: x\nel", "for x in 1: ", "def f(): ", "\\\n", "a;", "#\n", "#a\na\n",
	} {
		n := limits.Source / len(unit)
		for _, src := range []string{
			strings.Repeat(unit, n),
			"def merge(db, update): return " + strings.Repeat(unit, n-10) + "1",
			nestedBlocks(unit, 300),
		} {
			err := i.ValidateMerge(src)
			require.ErrorIs(t, err, procedure.ErrRefused, unit)
			require.Less(t, len(err.Error()), 300)
			require.NotContains(t, err.Error(), "broke", unit)
		}
	}
}

// nestedBlocks indents each line more than the one before.
func nestedBlocks(line string, n int) string {
	var b strings.Builder
	b.WriteString("def merge(db, update):\n")
	for i := range n {
		b.WriteString(strings.Repeat(" ", i%200+1) + strings.ReplaceAll(line, "\n", "") + "\n")
	}
	return b.String()
}
