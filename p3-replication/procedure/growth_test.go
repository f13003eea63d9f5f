package procedure_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"dss.example/p3-replication/procedure"
)

// growers are expressions that make something, of x (a text of 1,000 bytes), l (a list of 100
// numbers), d (a dict of 100), n (a number) and i (the round).
var growers = []string{
	`x + x`, `x * 50`, `50 * x`, `l + l`, `l * 9`, `(i,) * 900`, `tuple(l) + (1, 2)`, `d | d`, `d | {i: i}`,
	`"%s %r" % (x, x)`, `"%d" % i`, `"{}{0}{0}".format(x)`, `x[1:]`, `x[::2]`, `x[::-1]`, `l[1:]`, `l[::-1]`, `x[5]`,
	`i << 30`, `(1 << 62) // (i + 1)`, `-(i + (1 << 40))`, `abs(-i - (1 << 40))`, `(1 << 40) | i`,
	`x.join([x, x, x])`, `x.replace("a", "bbbb")`, `x.replace("a", "")`, `x.split("a")`, `x.split()`, `x.elems()`,
	`x.splitlines()`, `x.partition("b")`, `x.rpartition("b")`, `x.upper()`, `x.lower()`, `x.strip()`, `x.removeprefix("a")`,
	`[]`, `[i]`, `[i, i, i]`, `()`, `(i,)`, `{}`, `{i: i}`, `{"a": 1, "b": 2}`, `[[] for _ in range(9)]`, `[j for j in l]`,
	`{j: j for j in l}`, `{str(j): [] for j in range(9)}`, `[(a, b) for a in range(3) for b in range(3)]`,
	`list(l)`, `tuple(l)`, `list(range(100))`, `dict([(j, j) for j in l])`, `dict(d)`, `d.items()`, `d.keys()`, `d.values()`,
	`enumerate(l)`, `zip(l, l, l)`, `reversed(l)`, `sorted(l)`, `sorted(l, key=lambda v: -v)`, `sorted(l, reverse=True)`,
	`max(l)`, `min(l, key=lambda v: str(v))`, `sum(l)`, `str(l)`, `repr(x)`, `str(i)`, `str(d)`, `int("123456789012")`,
	`lambda: i`, `lambda a=x: a`, `x.join`, `l.append`, `db.get`, `json.encode(l)`, `json.encode(x)`, `json.encode({str(j): j for j in range(9)})`,
	`json.decode("[" + "[],"*50 + "0]")`, `json.decode('["' + "\\n"*50 + '"]')`, `json.decode('{"a":1,"b":{"c":2}}')`,
	`json.decode("[" + "1234567890123,"*50 + "0]")`, `db.get("k")`, `db.scan()`, `db.prefix("k", limit=5)`, `range(i)`,
	`type(x)`, `update[0].key`, `x.find("b")`, `x == x + "a"`, `l == list(l)`, `x in x`, `(i, x) in d`, `not x`, `[l.pop(), l.append(i)]`,
	`l.insert(0, i)`, `l.append(i)`, `l.extend(range(20))`, `d.update({i: i})`, `d.setdefault(i, i)`, `f(i)`, `f(a=i)`,
}

// grow keeps what an expression makes, as often as it can.
func grow(expr string) string {
	return fmt.Sprintf(`
def f(a, b=1, c=2):
    return a
def merge(db, update):
    x, n = "a" * 999 + "b", 1
    l, d = [k for k in range(100)], {k: k for k in range(100)}
    kept = []
    for i in range(1000000):
        kept.append(%s)
`, expr)
}

// A run that a ceiling ends has allocated no more, garbage and all, than the process may grow
// by. So it cannot have grown by more, however late the collector comes. A quarter of the
// ceilings, for a quarter of the growth, shows it in a quarter of the time.
func TestNoOperationMakesMuchMoreThanItIsCharged(t *testing.T) {
	limits := procedure.Standard()
	limits.Steps, limits.Memory, limits.Reads = limits.Steps/4, limits.Memory/4, limits.Reads/4
	pairs := []string{"k", strings.Repeat("v", 500)}
	for i := range 20 {
		pairs = append(pairs, fmt.Sprint("k", i), "v")
	}
	db := stateOf(pairs...)
	for _, expr := range growers {
		i := procedure.New(limits)
		var err error
		allocated := allocation(func() { _, err = i.Merge(grow(expr), db, []procedure.Change{put("k", "v")}) })
		require.ErrorIs(t, err, procedure.ErrCeiling, expr)
		require.Less(t, allocated, uint64(growthBytes/4), expr)
	}
}

// growthBytes is by how much a run within the standard ceilings may make the process grow.
const growthBytes = 32 << 20

// allocation returns the bytes that f allocates, those included that it has given up again.
func allocation(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}
