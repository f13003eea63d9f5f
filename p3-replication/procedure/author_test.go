package procedure_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// author writes random programs by a grammar. They are well formed; most end by themselves,
// some in an error or at a ceiling.
type author struct {
	*rand.Rand
	names int // n0, n1, … are assigned
}

// program returns a program that defines check and merge.
func program(seed uint64) string {
	a := &author{Rand: rand.New(rand.NewPCG(seed, 0))}
	var b strings.Builder
	fmt.Fprintf(&b, "BASE = %s\n\ndef twice(a, b=1):\n    return %s\n\n", a.pick("7", `"base"`, "[1, 2]", `{"k": 1}`), a.pick("a + a", "[a, b]", "a", "str(a)"))
	for _, name := range []string{"check", "merge"} {
		fmt.Fprintf(&b, "def %s(db, update):\n    n0, n1, n2 = 4, \"text\", [3, 1, 2]\n", name)
		a.names = 3
		for range 3 + a.IntN(8) {
			a.statement(&b, "    ", name == "merge")
		}
		if name == "check" {
			fmt.Fprintf(&b, "    return %s\n\n", a.test(2))
		}
	}
	return b.String()
}

func (a *author) pick(words ...string) string { return words[a.IntN(len(words))] }

func (a *author) name() string { return fmt.Sprint("n", a.IntN(a.names)) }

func (a *author) statement(b *strings.Builder, indent string, writes bool) {
	line := func(format string, args ...any) { fmt.Fprintf(b, indent+format+"\n", args...) }
	if len(indent) > 12 {
		line("pass")
		return
	}
	switch a.IntN(11) {
	case 0, 1:
		value := a.any(2)
		line("n%d = %s", a.names, value)
		a.names++
	case 2:
		switch a.IntN(7) {
		case 0, 1:
			line("n0 %s %s", a.pick("+=", "-=", "*=", "|=", "^="), a.number(1))
		case 2, 3:
			line("n1 += %s", a.text(1))
		case 4, 5:
			line("n2 += %s", a.list(1))
		default:
			line("%s %s %s", a.name(), a.pick("+=", "*=", "|=", "-="), a.any(1))
		}
	case 3:
		line("if %s:", a.test(2))
		names := a.names
		a.statement(b, indent+"    ", writes)
		a.names = names // what only one branch has assigned may be missing
	case 4, 5:
		line("for n%d in %s:", a.names, a.pick(a.list(1), "range(200)", "range(3)", "n2", `[k for k, v in db.scan()]`))
		names := a.names
		a.names++
		a.statement(b, indent+"    ", writes)
		a.statement(b, indent+"    ", writes)
		a.names = names
	case 6:
		line("n2 = %s", a.list(2))
	case 7:
		if writes {
			line("db.put(str(%s), str(%s))", a.any(1), a.any(1))
		} else {
			line("n1 = str(db.get(%s))", a.text(1))
		}
	case 8:
		if writes {
			line("db.delete(%s)", a.text(2))
		}
		line("n1 = %s", a.text(2))
	case 9:
		line("n0 = %s", a.number(2))
	case 10:
		line("if n0 == %s: fail(%s)", a.number(1), a.any(1))
	}
}

// any returns an expression of any type; now and then one that does not fit where it stands.
func (a *author) any(depth int) string {
	switch a.IntN(6) {
	case 0:
		return a.number(depth)
	case 1:
		return a.text(depth)
	case 2:
		return a.list(depth)
	case 3:
		return fmt.Sprintf("{%s: %s, %s: %s}", a.text(0), a.pick("1", a.name()), a.number(0), a.number(depth-1))
	case 4:
		return fmt.Sprintf("twice(%s)", a.pick(a.name(), a.text(0), a.number(0)))
	}
	return a.name()
}

func (a *author) number(depth int) string {
	if depth <= 0 {
		return a.pick("0", "1", "2", "40", "-3", "1 << 31", "n0")
	}
	x, y := a.number(depth-1), a.number(depth-1)
	switch a.IntN(8) {
	case 0:
		return fmt.Sprintf("len(%s)", a.pick(a.text(depth-1), a.list(depth-1)))
	case 1:
		return fmt.Sprintf("max(%s, %s)", x, y)
	case 2:
		return fmt.Sprintf("sum([v * %s for v in range(%d)])", x, a.IntN(50))
	case 3:
		return fmt.Sprintf("int(db.get(%s, %q))", a.text(0), a.pick("5", "-70", "900"))
	case 4:
		return fmt.Sprintf("(%s if %s else %s)", x, a.test(depth-1), y)
	}
	return fmt.Sprintf("(%s %s %s)", x, a.pick("+", "-", "*", "|", "&", "^", "+", "-", "//", "%", "<<"), y)
}

func (a *author) text(depth int) string {
	if depth <= 0 {
		return a.pick(`"a"`, `"key/1"`, `"é"`, `""`, "n1", `"room"`)
	}
	x := a.text(depth - 1)
	switch a.IntN(10) {
	case 0:
		return fmt.Sprintf("%s + %s", x, a.text(depth-1))
	case 1:
		return fmt.Sprintf("%s * %s", x, a.pick("3", "900", a.number(depth-1)))
	case 2:
		return fmt.Sprintf("(%s).replace(%q, %s)", x, a.pick("a", "e", "key"), a.text(depth-1))
	case 3:
		return fmt.Sprintf("%s.join([%s, %s])", a.pick(`","`, "n1"), x, a.text(depth-1))
	case 4:
		return fmt.Sprintf(`"%%s:%%r" %% (%s, %s)`, x, a.any(depth-1))
	case 5:
		return fmt.Sprintf("str(%s)", a.any(depth-1))
	case 6:
		return fmt.Sprintf("(%s)[%s:%s]", x, a.pick("", "1", "-5"), a.pick("", "3", "-1"))
	case 7:
		return fmt.Sprintf("json.encode(%s)", a.any(depth-1))
	case 8:
		return fmt.Sprintf("(%s).%s()", x, a.pick("upper", "lower", "strip"))
	}
	return fmt.Sprintf(`"{}-{}".format(%s, %s)`, x, a.any(depth-1))
}

func (a *author) list(depth int) string {
	if depth <= 0 {
		return a.pick("[]", "[1, 2, 3]", "[4]", "n2", "list((1, 2))", "list(range(5))")
	}
	x := a.list(depth - 1)
	switch a.IntN(9) {
	case 0:
		return fmt.Sprintf("%s + [%s]", x, a.pick(a.number(depth-1), a.number(depth-1), a.any(depth-1)))
	case 1:
		return fmt.Sprintf("sorted(%s)", x)
	case 2:
		return fmt.Sprintf("[(v, %s) for v in %s if %s]", a.any(0), x, a.test(depth-1))
	case 3:
		return fmt.Sprintf("list(reversed(%s))", x)
	case 4:
		return fmt.Sprintf("%s * %s", x, a.pick("2", "100", a.number(0)))
	case 5:
		return fmt.Sprintf("list(enumerate(%s))", x)
	case 6:
		return fmt.Sprintf("db.prefix(%s)", a.text(0))
	case 7:
		return fmt.Sprintf("{v: 1 for v in %s}.keys()", x)
	}
	return fmt.Sprintf("(%s).split(%s)", a.text(depth-1), a.pick("", `"a"`, `"/"`))
}

func (a *author) test(depth int) string {
	if depth <= 0 {
		return a.pick("True", "False", "n0 > 1", "n2 == []", `"a" in n1`)
	}
	switch a.IntN(5) {
	case 0:
		return fmt.Sprintf("%s %s %s", a.number(depth-1), a.pick("<", "==", ">=", "!="), a.number(depth-1))
	case 1:
		return fmt.Sprintf("%s %s %s", a.any(depth-1), a.pick("==", "!=", "==", "!=", "<"), a.any(depth-1))
	case 2:
		return fmt.Sprintf("(%s %s %s)", a.test(depth-1), a.pick("and", "or"), a.test(depth-1))
	case 3:
		return fmt.Sprintf("db.get(%s) %s None", a.text(depth-1), a.pick("==", "!="))
	}
	return fmt.Sprintf("(%s) in (%s)", a.text(depth-1), a.pick(a.list(depth-1), a.text(depth-1)))
}
