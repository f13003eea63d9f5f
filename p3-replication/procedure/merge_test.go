package procedure_test

import (
	"iter"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"dss.example/p3-replication/procedure"
)

// merge runs the body of a merge procedure.
func merge(body string, db procedure.Reader, update ...procedure.Change) ([]procedure.Change, error) {
	src := "def merge(db, update):\n    " + strings.ReplaceAll(body, "\n", "\n    ") + "\n"
	return procedure.New(procedure.Standard()).Merge(src, db, update)
}

func TestMergeReturnsTheLastChangeOfEachKeySorted(t *testing.T) {
	made, err := merge(`
db.put("z", "1")
db.put("a", "2")
db.put("z", "3")
db.put("gone", "4")
db.delete("gone")
db.delete("raw")
db.put(value="7", key="raw2")
for c in update:
    db.apply(c)
`, bank, put("m", "5"), remove("n"))
	require.NoError(t, err)
	want := []procedure.Change{
		put("a", "2"), remove("gone"), put("m", "5"), remove("n"), remove("raw"), put("raw2", "7"), put("z", "3"),
	}
	require.Empty(t, cmp.Diff(want, made))
}

func TestMergeSeesWhatItHasChanged(t *testing.T) {
	made, err := merge(`
db.put("acct/ann", "61")
db.delete("acct/bob")
db.put("acct/aaa", "1")
db.put("acct/zed", "2")
db.put("b", "between")
if db.get("acct/ann") != "61" or db.get("acct/bob") != None or db.get("acct/bob", "-") != "-":
    fail("get")
if db.prefix("acct/") != [("acct/aaa", "1"), ("acct/ann", "61"), ("acct/zed", "2")]:
    fail("prefix", db.prefix("acct/"))
if db.prefix("acct/", limit=2) != db.prefix("acct/a"):
    fail("limit")
if [k for k, _ in db.scan("acct/b")] != ["acct/zed", "b", "raw", "room/12:00"]:
    fail("scan", db.scan("acct/b"))
if db.scan("b", "raw") != [("b", "between")]:
    fail("end", db.scan("b", "raw"))
db.put("acct/bob", "back")
if db.get("acct/bob") != "back":
    fail("a put after a delete")
`, bank)
	require.NoError(t, err)
	require.Len(t, made, 5)
}

// Whether the state holds a key or an earlier change does is one to all that reads.
func TestChangesAreSeenAsIfTheStateHeldThem(t *testing.T) {
	changes := []procedure.Change{put("a", "1"), remove("b"), put("c", "2"), remove("d"), put("f", "3")}
	under := stateOf("b", "x", "c", "y", "d", "z", "e", "w")
	const report = `db.put("report", json.encode([db.scan(), db.scan("b", "e"), db.scan("c", limit=1), db.prefix("f"), db.get("d")]))`
	apply := "for c in update:\n    db.apply(c)\n" + report
	over, err := merge(apply, under, changes...)
	require.NoError(t, err)
	plain, err := merge(report, under.with(changes...))
	require.NoError(t, err)
	require.Empty(t, cmp.Diff(plain[0], over[len(over)-1]))
}

func TestMergeThatFailsLeavesTheConflict(t *testing.T) {
	for _, c := range []struct {
		body, want string
		kind       error
	}{
		{`fail("no room is free at", 12, ["x"])`, `merge procedure, 2:9: no room is free at 12 ["x"]`, procedure.ErrUnresolved},
		{`fail()`, `merge procedure, 2:9: `, procedure.ErrUnresolved},
		{`fail("a\n\x01b" + db.get("raw"))`, "merge procedure, 2:9: a  b? ", procedure.ErrUnresolved},
		{`fail("é" * 200)`, "merge procedure, 2:9: " + strings.Repeat("é", 98) + "…", procedure.ErrUnresolved},
		{`db.put("a", 1)`, "merge procedure, 2:11: the value of a put is a string, not int: use str or json.encode", procedure.ErrFailed},
		{`db.put("", "x")`, "merge procedure, 2:11: a key has 1 to 1024 bytes, not 0", procedure.ErrFailed},
		{`db.delete("k" * 1025)`, "merge procedure, 2:14: a key has 1 to 1024 bytes, not 1025", procedure.ErrFailed},
		{`db.apply("a")`, "merge procedure, 2:13: apply takes a change of the update, not string", procedure.ErrFailed},
		{`return []`, "merge procedure: it returned list: what is to be done it says by db.put and db.delete", procedure.ErrFailed},
		{`db.get(1)`, "merge procedure, 2:11: get: for parameter key: got int, want string", procedure.ErrFailed},
		{`update[0].value = "x"`, "merge procedure, 2:14: only a name or a place in a list or dict can be assigned to", procedure.ErrRefused},
		{`update[0].find`, "merge procedure, 2:14: a change has no .find", procedure.ErrFailed},
		{`{"a": 1}["b"]`, `merge procedure, 2:13: the dict has no key "b"`, procedure.ErrFailed},
		{`{"a": 1, "a": 2}`, `merge procedure, 2:5: the key "a" is twice in a dict`, procedure.ErrFailed},
		{`{}[[]] = 1`, "merge procedure, 2:7: unhashable type: list", procedure.ErrFailed},
		{`{(1,) * 9: 1}`, "merge procedure, 2:5: a key of a dict is a tuple of 9 parts: at most 8 are allowed", procedure.ErrFailed},
		{`{((1,),): 1}`, "merge procedure, 2:5: a key of a dict is a tuple in a tuple: that is not allowed", procedure.ErrFailed},
		{`[1][1]`, "merge procedure, 2:8: index 1 is out of a list of 1", procedure.ErrFailed},
		{`[1]["a"]`, `merge procedure, 2:8: the index of a list is an int of 32 bits, not "a"`, procedure.ErrFailed},
		{`None[0]`, "merge procedure, 2:9: a NoneType has no parts to index", procedure.ErrFailed},
		{`"ab"[::0]`, "merge procedure, 2:9: the step of a slice is an int of 32 bits and not 0, not 0", procedure.ErrFailed},
		{`"ab"["a":]`, "merge procedure, 2:9: the bounds of a slice are ints, not string", procedure.ErrFailed},
		{`"a" + 1`, "merge procedure, 2:9: string + int is not defined", procedure.ErrFailed},
		{`1 in 2`, "merge procedure, 2:7: int in int is not defined", procedure.ErrFailed},
		{`9223372036854775807 + 1`, "merge procedure, 2:25: an integer does not fit 64 bits", procedure.ErrFailed},
		{`-(-9223372036854775807 - 1)`, "merge procedure, 2:5: an integer does not fit 64 bits", procedure.ErrFailed},
		{`sum([9223372036854775807, 1])`, "merge procedure, 2:8: an integer does not fit 64 bits", procedure.ErrFailed},
		{`1 << 64`, "merge procedure, 2:7: an integer does not fit 64 bits", procedure.ErrFailed},
		{`range(1 << 31)`, "merge procedure, 2:10: range takes ints of 32 bits, not 2147483648", procedure.ErrFailed},
		{`int("9223372036854775808")`, `merge procedure, 2:8: "9223372036854775808" is no int of 64 bits in base 10`, procedure.ErrFailed},
		{`int("0x1", 0)`, `merge procedure, 2:8: "0x1" is no int of 64 bits in base 0`, procedure.ErrFailed},
		{`sorted([1, "a"])`, "merge procedure, 2:11: values of different types, or without order, cannot be sorted", procedure.ErrFailed},
		{`max([])`, "merge procedure, 2:8: max of nothing", procedure.ErrFailed},
		{`"%d" % "a"`, `merge procedure, 2:10: %d and %x take an int, not "a"`, procedure.ErrFailed},
		{`"%s" % ()`, "merge procedure, 2:10: a format has more verbs than values", procedure.ErrFailed},
		{`"%s" % (1, 2)`, "merge procedure, 2:10: a format has fewer verbs than values", procedure.ErrFailed},
		{`"%q" % 1`, "merge procedure, 2:10: a % in a format is followed by s, r, d, x or %", procedure.ErrFailed},
		{`"{x}".format(y=1)`, `merge procedure, 2:17: format: no value has the name "x"`, procedure.ErrFailed},
		{`"{9}".format(1)`, "merge procedure, 2:17: format: there is no value 9", procedure.ErrFailed},
		{`"a}".format()`, "merge procedure, 2:16: format: {} and {N} are places, {{ and }} are braces", procedure.ErrFailed},
		{`json.decode("[1.5]")`, "merge procedure, 2:16: json.decode: byte 1: an int of 64 bits is wanted", procedure.ErrFailed},
		{`json.decode("[01]")`, "merge procedure, 2:16: json.decode: byte 1: an int of 64 bits is wanted", procedure.ErrFailed},
		{`json.decode("[1 2]")`, "merge procedure, 2:16: json.decode: byte 3: a comma or ] is wanted", procedure.ErrFailed},
		{`json.decode('{"a":1,"a":2}')`, `merge procedure, 2:16: json.decode: the key "a" is twice in an object`, procedure.ErrFailed},
		{`json.decode('{1:2}')`, "merge procedure, 2:16: json.decode: byte 1: a key is wanted", procedure.ErrFailed},
		{`json.decode('{"a" 2}')`, "merge procedure, 2:16: json.decode: byte 5: a colon is wanted", procedure.ErrFailed},
		{`json.decode("1 x")`, "merge procedure, 2:16: json.decode: byte 2: the end is wanted", procedure.ErrFailed},
		{`json.decode("")`, "merge procedure, 2:16: json.decode: byte 0: a value is wanted", procedure.ErrFailed},
		{`json.decode('"a')`, "merge procedure, 2:16: json.decode: byte 2: a closing quote is wanted", procedure.ErrFailed},
		{`json.decode('"\\q"')`, "merge procedure, 2:16: json.decode: byte 3: an escape is wanted", procedure.ErrFailed},
		{`json.decode('"\\ud800x"')`, "merge procedure, 2:16: json.decode: byte 7: the second half of a surrogate pair is wanted", procedure.ErrFailed},
		{`json.decode('"\n"')`, "merge procedure, 2:16: json.decode: byte 3: a string without control characters is wanted", procedure.ErrFailed},
		{`json.decode("[" * 20)`, "merge procedure, 2:16: a value is nested deeper than 8", procedure.ErrFailed},
		{`json.encode({1: 2})`, "merge procedure, 2:16: json.encode: the keys of a dict are strings, not 1", procedure.ErrFailed},
		{`json.encode(db.get("raw"))`, "merge procedure, 2:16: json.encode: a string is not UTF-8", procedure.ErrFailed},
		{`json.encode(db)`, "merge procedure, 2:16: json.encode: a db has no JSON", procedure.ErrFailed},
		{`json.decode(db.get("raw"))`, "merge procedure, 2:16: json.decode: the text is not UTF-8", procedure.ErrFailed},
		{`x = []; x.append(x); str(x)`, "merge procedure, 2:29: a value is nested deeper than 8", procedure.ErrFailed},
		{`x = []; x.append(x); x == [x]`, "merge procedure, 2:28: a value is nested deeper than 8", procedure.ErrFailed},
		{`x = [1]` + "\n" + `for y in x: x.append(y)`, "merge procedure, 3:25: append: cannot append to list during iteration", procedure.ErrFailed},
	} {
		made, err := merge(c.body, bank, put("a", "b"))
		require.EqualError(t, err, c.want, c.body)
		require.ErrorIs(t, err, c.kind, c.body)
		require.Nil(t, made)
	}
	_, err := procedure.New(procedure.Standard()).Merge("", bank, nil)
	require.EqualError(t, err, "merge procedure: there is none")
	require.ErrorIs(t, err, procedure.ErrUnresolved)
}

func TestNoRunLeavesATraceForTheNext(t *testing.T) {
	i := procedure.New(procedure.Standard())
	const src = `
SEEN = []
def merge(db, update):
    update.append(1)
    db.put("n", str(len(update)))
    SEEN.append(1)
`
	_, first := i.Merge(src, bank, nil)
	require.EqualError(t, first, "merge procedure, 6:16: append: cannot append to frozen list")
	_, second := i.Merge(src, bank, nil)
	require.Equal(t, first, second)

	count := strings.ReplaceAll(src, "SEEN.append(1)", "pass")
	for range 3 {
		made, err := i.Merge(count, bank, nil)
		require.NoError(t, err)
		require.Empty(t, cmp.Diff([]procedure.Change{put("n", "1")}, made))
	}
}

func TestWhatIsReturnedIsTheCallersOwn(t *testing.T) {
	i := procedure.New(procedure.Standard())
	update := []procedure.Change{put("a", "xyz")}
	const src = "def merge(db, update): db.apply(update[0]); db.put('b', db.get('raw'))"
	made, err := i.Merge(src, bank, update)
	require.NoError(t, err)
	made[0].Value[0], made[1].Value[0] = '!', '!'
	again, err := i.Merge(src, bank, update)
	require.NoError(t, err)
	require.Empty(t, cmp.Diff([]procedure.Change{put("a", "xyz"), put("b", "\xff\x00")}, again))
}

// broken is a state that cannot be read any more.
type broken struct{}

func (broken) Get(string) ([]byte, bool) { panic("the disk is gone") }

func (broken) Scan(string, string) iter.Seq2[string, []byte] { panic("the disk is gone") }

// A panic of the host's must not become the answer of a write: other replicas do not share it.
func TestPanicOfTheReaderIsNotTheProgramsFault(t *testing.T) {
	for _, body := range []string{`db.get("a")`, `db.scan()`} {
		require.PanicsWithValue(t, "the disk is gone", func() { _, _ = merge(body, broken{}) })
	}
}
