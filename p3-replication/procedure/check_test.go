package procedure_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"dss.example/p3-replication/procedure"
)

// bank is a state for checks: what two accounts hold, and a byte that is not UTF-8.
var bank = stateOf("acct/ann", "60", "acct/bob", "40", "raw", "\xff\x00", "room/12:00", "ann")

func TestCheckAsksTheState(t *testing.T) {
	i := procedure.New(procedure.Standard())
	update := []procedure.Change{put("acct/ann", "10"), remove("acct/bob")}
	for _, c := range []struct {
		src   string
		holds bool
	}{
		{"", true},
		{`db.get("room/13:00") == None`, true},
		{`db.get("room/12:00") == None`, false},
		{`db.get("room/13:00", "free") == "free"`, true},
		{`int(db.get("acct/ann")) >= 100`, false},
		{`sum([int(v) for _, v in db.prefix("acct/")]) >= 100`, true},
		{`repr(db.get("raw")) == "\"\\xff\\x00\"" and len(db.get("raw")) == 2`, true},
		{`db.scan() == db.prefix("")`, true},
		{`db.scan("acct/b", "room/") == [("acct/bob", "40"), ("raw", db.get("raw"))]`, true},
		{`db.scan(end="acct/bob") == [("acct/ann", "60")]`, true},
		{`db.scan("raw") == [("raw", db.get("raw")), ("room/12:00", "ann")]`, true},
		{`db.scan("b", "b") + db.scan("c", "b") == []`, true},
		{`db.scan(limit=1) == db.prefix("acct/a") and db.scan(limit=0) == []`, true},
		{`db.prefix("acct/", limit=1) == [("acct/ann", "60")]`, true},
		{`db.prefix(db.get("raw")[0]) == [] and db.prefix("s") == []`, true},
		{`[(c.key, c.value, c.delete) for c in update] == [("acct/ann", "10", False), ("acct/bob", None, True)]`, true},
		{"def check(db, update):\n    for c in update:\n        if db.get(c.key) == None:\n            return False\n    return True\n", true},
		{"# twice\nWANT = 2\n\ndef check(db, update):\n    return len(update) == WANT\n\ndef merge(db, update):\n    pass\n", true},
	} {
		holds, err := i.Check(c.src, bank, update)
		require.NoError(t, err, c.src)
		require.Equal(t, c.holds, holds, c.src)
	}
}

func TestPrefixIsOfBytesAndNotOfCharacters(t *testing.T) {
	i := procedure.New(procedure.Standard())
	db := stateOf("p\xfe", "1", "p\xfe\xff", "2", "p\xff", "3", "p\xff\xff", "4", "q", "5", "\xff\xff", "6")
	for prefix, want := range map[string]string{"p": "1234", "p\xfe": "12", "p\xff": "34", "\xff": "6", "": "123456", "p\xfe\xff": "2"} {
		src := `"".join([v for _, v in db.prefix(update[0].key)]) == update[0].value`
		holds, err := i.Check(src, db, []procedure.Change{put(prefix, want)})
		require.NoError(t, err)
		require.True(t, holds, "%q", prefix)
	}
}

// What the language means, in expressions that hold. They follow the specification of Starlark
// where the library has no hand in them.
func TestLanguageMeansWhatStarlarkMeans(t *testing.T) {
	i := procedure.New(procedure.Standard())
	for _, src := range []string{
		`1 + 2 * 3 - 4 == 3 and 7 // 2 == 3 and -7 // 2 == -4 and -7 % 3 == 2`,
		`6 & 3 == 2 and 6 | 1 == 7 and 6 ^ 2 == 4 and 1 << 4 == 16 and 256 >> 4 == 16 and ~5 == -6`,
		`-(3) == 0 - 3 and +(3) == 3 and -len("ab") == -2 and abs(-3) == 3 and abs(4) == 4`,
		`9223372036854775807 - 1 + 1 == 9223372036854775807 and -9223372036854775807 - 1 < 0`,
		`"a" + "b" == "ab" and "ab" * 2 == "abab" and 2 * "ab" == "abab" and "a" * -1 == "" and "" * 9000000000 == ""`,
		`[1] + [2] == [1, 2] and (1,) + (2,) == (1, 2) and [1] * 2 == [1, 1] and 2 * (1,) == (1, 1)`,
		`{"a": 1} | {"a": 2, "b": 3} == {"a": 2, "b": 3}`,
		`1 < 2 and "a" < "b" and [1, 2] < [1, 3] and (1,) <= (1,) and 2 > 1 and 2 >= 2 and 1 != 2 and not 1 == "1"`,
		`1 in [1] and 2 not in (1,) and "b" in "abc" and "a" in {"a": 1} and "b" not in {"a": 1} and 3 in range(5)`,
		`"abcdef"[1] == "b" and "abcdef"[-1] == "f" and [1, 2][-2] == 1 and {"a": 1}["a"] == 1 and (1, 2)[1] == 2`,
		`"abcdef"[1:3] == "bc" and "abcdef"[:-2] == "abcd" and "abcdef"[-2:] == "ef" and "abcdef"[4:2] == ""`,
		`"abcdef"[::2] == "ace" and "abcdef"[::-1] == "fedcba" and "abcdef"[4:1:-2] == "ec" and "abc"[-9:9] == "abc"`,
		`"abcdef"[::-9] == "f" and "abcdef"[::2147483647] == "a" and "abc"[9:] == "" and "abc"[1:2:-1] == ""`,
		`[1, 2, 3][1:] == [2, 3] and (1, 2, 3)[::-1] == (3, 2, 1) and list(range(9)[2:6:2]) == [2, 4] and [][::-1] == []`,
		`(1 if 2 > 1 else 0) == 1 and (False or "x") == "x" and (0 and 1) == 0 and not []`,
		`[x * y for x in range(3) for y in range(3) if x != y] == [0, 0, 0, 2, 0, 2]`,
		`{k: v for k, v in [("a", 1), ("b", 2)]} == {"a": 1, "b": 2} and {1: 2 for _ in range(2)} == {1: 2}`,
		`(lambda a, b=2: a + b)(1) == 3 and (lambda a, b=2: a + b)(a=1, b=5) == 6`,
		`len("abc") == 3 and len([1]) == 1 and len({}) == 0 and len(range(3)) == 3`,
		`list((1, 2)) == [1, 2] and tuple([1]) == (1,) and list() == [] and tuple() == () and list({"a": 1}) == ["a"]`,
		`dict([("a", 1)]) == {"a": 1} and dict() == {} and dict({"a": 1}) == {"a": 1}`,
		`list(range(3)) == [0, 1, 2] and list(range(1, 7, 3)) == [1, 4] and list(range(2, 0, -1)) == [2, 1]`,
		`list(reversed([1, 2])) == [2, 1] and list(enumerate("ab".elems(), 1)) == [(1, "a"), (2, "b")]`,
		`zip([1, 2], ["a", "b", "c"]) == [(1, "a"), (2, "b")] and zip() == []`,
		`sorted([3, 1, 2]) == [1, 2, 3] and sorted(["b", "a"], reverse=True) == ["b", "a"] and sorted({"b": 1, "a": 2}) == ["a", "b"]`,
		`sorted(["bb", "a", "cc"], key=len) == ["a", "bb", "cc"] and sorted(["bb", "a", "cc"], key=len, reverse=True) == ["bb", "cc", "a"]`,
		`min(3, 1, 2) == 1 and max([3, 1, 2]) == 3 and max(["a", "bb"], key=len) == "bb" and min((1, "b"), (1, "a")) == (1, "a")`,
		`sum([1, 2]) == 3 and sum([], 5) == 5 and any([0, 1]) and not any([]) and all([1, 2]) and not all([1, 0])`,
		`int("-12") == -12 and int("ff", 16) == 255 and int(True) == 1 and int(7) == 7 and int("+5") == 5`,
		`str(12) == "12" and str("a") == "a" and str(None) == "None" and str([1, "a", (2,), {"k": None}]) == "[1, \"a\", (2,), {\"k\": None}]"`,
		`repr("a\n\x01\"é") == "\"a\\n\\x01\\\"é\"" and repr(range(1, 3)) == "range(1, 3)"`,
		`bool("") == False and bool([0]) == True and bool() == False and type("") == "string" and type(1) == "int" and type(db) == "db"`,
		`"%s is %d, %r, %x, 100%%" % ("ann", 5, "x", 255) == "ann is 5, \"x\", ff, 100%" and "%s" % 1 == "1" and "x" % () == "x"`,
		`"{} {}, {0}{{}} {who}".format("a", 1, who="b") == "a 1, a{} b"`,
		`", ".join(["a", "b"]) == "a, b" and "".join([]) == "" and "a-b-c".split("-") == ["a", "b", "c"] and "a-b-c".split("-", 1) == ["a", "b-c"]`,
		`" a  b\n".split() == ["a", "b"] and "".split() == [] and "".split("x") == [""] and "a\nb\n".splitlines() == ["a", "b"] and "".splitlines() == []`,
		`"aXbX".replace("X", "--") == "a--b--" and "aaa".replace("a", "", 2) == "a" and "ab".replace("x", "y") == "ab"`,
		`"  a ".strip() == "a" and "xxa".lstrip("x") == "a" and "axx".rstrip("x") == "a"`,
		`"a=b=c".partition("=") == ("a", "=", "b=c") and "a=b=c".rpartition("=") == ("a=b", "=", "c") and "a".partition("=") == ("a", "", "") and "a".rpartition("=") == ("", "", "a")`,
		`"abcb".find("b") == 1 and "abcb".rfind("b") == 3 and "abc".find("x") == -1 and "abcb".count("b") == 2`,
		`"abc".startswith("ab") and "abc".endswith("bc") and "abc".removeprefix("a") == "bc" and "abc".removesuffix("c") == "ab"`,
		`"aZé".upper() == "AZé" and "AzÉ".lower() == "azÉ" and "12".isdigit() and not "".isdigit() and not "1a".isdigit()`,
		`json.encode({"b": [1, None, True], "a": "é\n\"\\"}) == '{"a":"é\\u000a\\"\\\\","b":[1,null,true]}'`,
		`json.decode(' {"a": [1, -2, null, true, false, "x"], "b": {} , "c": []} ') == {"a": [1, -2, None, True, False, "x"], "b": {}, "c": []}`,
		`json.decode('"\\u00e9\\ud83d\\ude00\\n\\/"') == "é😀\n/" and json.decode("0") == 0`,
		programOfStatements,
	} {
		holds, err := i.Check(src, bank, nil)
		require.NoError(t, err, src)
		require.True(t, holds, src)
	}
}

// programOfStatements shows statements and the methods that alter lists and dicts.
const programOfStatements = `
LIMIT = 3

def double(n):
    """Twice n."""
    return n * 2

def check(db, update):
    total, l, d = 0, [5, 6], {}
    for i in range(10):
        if i == 1:
            continue
        elif i > LIMIT:
            break
        else:
            total += double(i)
    if total != 10:
        fail("for", total)
    l += [7]
    m = l
    m += (8,)
    l[0] -= 1
    l.append(9); l.extend([10]); l.insert(0, 3); l.remove(6)
    if l != [3, 4, 7, 8, 9, 10] or l.pop() != 10 or l.pop(0) != 3 or l.index(7) != 1:
        fail("list", l)
    l.clear()
    d["a"] = 1
    d["a"] += 1
    d["n"], l = {}, [1, 2]
    d["n"]["x"] = [0]
    d["n"]["x"][0] += 4
    d |= {"b": 3}
    d.update([("c", 4)])
    d.update({"c": 5})
    if d.setdefault("e", 6) != 6 or d.get("z", 7) != 7 or d.pop("e") != 6 or d.get("z") != None:
        fail("dict", d)
    l[0], l[1] = l[1], l[0]
    ((p, q), [r]) = (l, [3])
    s = "x"
    s *= 3
    s += "y"
    for d["k"] in [8, 9]:
        pass
    return (d.items() == [("a", 2), ("n", {"x": [4]}), ("b", 3), ("c", 5), ("k", 9)]
        and d.keys() == ["a", "n", "b", "c", "k"] and d.values()[0] == 2
        and (p, q, r) == (2, 1, 3) and s == "xxxy")
`

func TestAPartOfAPlaceIsComputedOnce(t *testing.T) {
	const src = `
def check(db, update):
    calls = []
    noted = lambda x: [calls.append(x), x][1]
    d = {"a": [1, 2]}
    noted(d)["a"][noted(1)] += noted(5)
    return calls == [d, 1, 5] and d["a"] == [1, 7]
`
	holds, err := procedure.New(procedure.Standard()).Check(src, bank, nil)
	require.NoError(t, err)
	require.True(t, holds)
}

func TestCheckThatIsNoYesOrNoIsAnError(t *testing.T) {
	i := procedure.New(procedure.Standard())
	for src, want := range map[string]string{
		`db.get("acct/ann")`:                        "dependency check: it answered string: True or False is wanted",
		"def check(db, update):\n    pass\n":        "dependency check: it answered NoneType: True or False is wanted",
		`db.put("a", "b") == None`:                  "dependency check, 1:7: a dependency check only reads",
		`db.delete("a") == None`:                    "dependency check, 1:10: a dependency check only reads",
		`db.apply(update[0]) == None`:               "dependency check, 1:9: a dependency check only reads",
		`db.get("acct/cat") > 100`:                  "dependency check, 1:20: NoneType > int is not defined",
		"def merge(db, update):\n    return True\n": "dependency check: the program defines none: write an expression, or def check(db, update)",
	} {
		holds, err := i.Check(src, bank, []procedure.Change{put("a", "b")})
		require.EqualError(t, err, want)
		require.False(t, holds)
	}
}
