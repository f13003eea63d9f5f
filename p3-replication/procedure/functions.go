package procedure

import (
	"errors"
	"fmt"
	"math"
	"math/bits"
	"strconv"
	"strings"

	"go.starlark.net/starlark"
	"go.starlark.net/syntax"
)

// functions returns what programs call by name.
func (r *run) functions() map[string]function {
	return map[string]function{
		"abs":       r.abs,
		"all":       func(c call) (starlark.Value, error) { return r.any(c, false) },
		"any":       func(c call) (starlark.Value, error) { return r.any(c, true) },
		"bool":      r.bool,
		"dict":      r.dictOf,
		"enumerate": r.enumerate,
		"fail":      r.fail,
		"int":       r.int,
		"len":       r.len,
		"list":      r.listOfParts,
		"max":       func(c call) (starlark.Value, error) { return r.extreme(c, +1) },
		"min":       func(c call) (starlark.Value, error) { return r.extreme(c, -1) },
		"range":     r.rangeOf,
		"repr":      r.repr,
		"reversed":  r.reversed,
		"sorted":    r.sorted,
		"str":       r.str,
		"sum":       r.sum,
		"tuple":     r.tupleOf,
		"type":      r.typeOf,
		"zip":       r.zip,
	}
}

// looksOf is how often a sort of n keys looks at each: two comparisons on each of log n levels.
func looksOf(n int) int { return 1 + 2*bits.Len(uint(n)) }

func (r *run) abs(c call) (starlark.Value, error) {
	var n starlark.Int
	if err := c.positional(1, &n); err != nil {
		return nil, err
	}
	if n.Sign() < 0 {
		return r.arith(syntax.MINUS, starlark.MakeInt(0), n)
	}
	return n, nil
}

func (r *run) any(c call, want starlark.Bool) (starlark.Value, error) {
	var v starlark.Value
	if err := c.positional(1, &v); err != nil {
		return nil, err
	}
	it, _, err := r.iterable(c.name, v)
	if err != nil {
		return nil, err
	}
	for p := range starlark.Elements(it) {
		if p.Truth() == want {
			return want, nil
		}
	}
	return !want, nil
}

func (r *run) bool(c call) (starlark.Value, error) {
	var v starlark.Value = starlark.False
	if err := c.positional(0, &v); err != nil {
		return nil, err
	}
	return v.Truth(), nil
}

func (r *run) dictOf(c call) (starlark.Value, error) {
	var pairs starlark.Value
	if err := c.positional(0, &pairs); err != nil {
		return nil, err
	}
	d := new(starlark.Dict)
	if err := r.make(4 * entry); err != nil || pairs == nil {
		return d, err
	}
	return d, r.update(d, pairs)
}

func (r *run) enumerate(c call) (starlark.Value, error) {
	var v starlark.Value
	var start int
	if err := c.named("iterable", &v, "start?", &start); err != nil {
		return nil, err
	}
	parts, err := r.collectAll(c.name, v)
	if err != nil {
		return nil, err
	}
	if err := r.makeEach(len(parts), 2*slot+header); err != nil {
		return nil, err
	}
	if int64(start) > math.MaxInt32 || int64(start) < math.MinInt32 {
		return nil, errors.New("enumerate: start is an int of 32 bits")
	}
	for i, p := range parts {
		parts[i] = starlark.Tuple{starlark.MakeInt64(int64(start) + int64(i)), p}
	}
	return starlark.NewList(parts), nil
}

// fail ends the run: the conflict stays, and the text says why.
func (r *run) fail(c call) (starlark.Value, error) {
	if len(c.kwargs) > 0 {
		return nil, errors.New("fail takes no named arguments")
	}
	p := printer{run: r}
	for i, a := range c.args {
		if i > 0 {
			p.text(" ")
		}
		p.str(a)
	}
	if p.err != nil {
		return nil, p.err
	}
	return nil, failure(p.out)
}

// int is int(x, base=10). Of text it reads what int64 holds, with a sign, without blanks,
// underscores or prefixes.
func (r *run) int(c call) (starlark.Value, error) {
	var v starlark.Value
	base := 10
	if err := c.named("x", &v, "base?", &base); err != nil {
		return nil, err
	}
	switch x := v.(type) {
	case starlark.Int:
		return x, nil
	case starlark.Bool:
		if x {
			return starlark.MakeInt(1), nil
		}
		return starlark.MakeInt(0), nil
	case starlark.String:
		n, err := strconv.ParseInt(string(x), base, 64)
		if base < 2 || base > 36 || err != nil {
			return nil, fmt.Errorf("%s is no int of 64 bits in base %d", brief(x), base)
		}
		return starlark.MakeInt64(n), nil
	}
	return nil, fmt.Errorf("int takes a string, an int or a bool, not %s", v.Type())
}

func (r *run) len(c call) (starlark.Value, error) {
	var v starlark.Value
	if err := c.positional(1, &v); err != nil {
		return nil, err
	}
	if n := starlark.Len(v); n >= 0 {
		return starlark.MakeInt(n), nil
	}
	return nil, fmt.Errorf("a %s has no length", v.Type())
}

func (r *run) listOfParts(c call) (starlark.Value, error) {
	parts, err := r.partsOf(c)
	return starlark.NewList(parts), err
}

func (r *run) tupleOf(c call) (starlark.Value, error) {
	parts, err := r.partsOf(c)
	return starlark.Tuple(parts), err
}

func (r *run) partsOf(c call) ([]starlark.Value, error) {
	var v starlark.Value
	if err := c.positional(0, &v); err != nil || v == nil {
		return nil, err
	}
	return r.collectAll(c.name, v)
}

// extreme is min or max, of its arguments or of the parts of the only one.
func (r *run) extreme(c call, sign int) (starlark.Value, error) {
	var key starlark.Callable
	if err := starlark.UnpackArgs(c.name, nil, c.kwargs, "key?", &key); err != nil {
		return nil, err
	}
	values := []starlark.Value(c.args)
	if len(c.args) == 1 {
		var err error
		if values, err = r.collectAll(c.name, c.args[0]); err != nil {
			return nil, err
		}
	}
	if len(values) == 0 {
		return nil, fmt.Errorf("%s of nothing", c.name)
	}
	keys, err := r.keysOf(values, key)
	if err != nil {
		return nil, err
	}
	if err := r.weighAll(keys, 2); err != nil {
		return nil, err
	}
	best := 0
	for i := range keys {
		n, err := order(keys[i], keys[best])
		if err != nil {
			return nil, err
		}
		if n == sign {
			best = i
		}
	}
	return values[best], nil
}

// keysOf returns what key makes of each value, or the values themselves.
func (r *run) keysOf(values []starlark.Value, key starlark.Callable) ([]starlark.Value, error) {
	if key == nil {
		return values, nil
	}
	if err := r.makeEach(len(values), slot); err != nil {
		return nil, err
	}
	keys := make([]starlark.Value, 0, len(values))
	for _, v := range values {
		k, err := starlark.Call(r.thread, key, starlark.Tuple{v}, nil)
		if err != nil {
			return nil, err
		}
		keys = append(keys, k)
	}
	return keys, nil
}

func (r *run) sorted(c call) (starlark.Value, error) {
	var v starlark.Value
	var key starlark.Callable
	var reverse bool
	if err := c.named("iterable", &v, "key?", &key, "reverse?", &reverse); err != nil {
		return nil, err
	}
	values, err := r.collectAll(c.name, v)
	if err != nil {
		return nil, err
	}
	keys, err := r.keysOf(values, key)
	if err != nil {
		return nil, err
	}
	values, err = r.sort(values, keys, reverse)
	return starlark.NewList(values), err
}

// rangeOf is range(stop) or range(start, stop, step=1), of ints of 32 bits: an int of the
// machine may have more, or not.
func (r *run) rangeOf(c call) (starlark.Value, error) {
	if len(c.kwargs) > 0 {
		return nil, errors.New("range takes no named arguments")
	}
	for _, a := range c.args {
		if _, err := starlark.AsInt32(a); err != nil {
			return nil, fmt.Errorf("range takes ints of 32 bits, not %s", brief(a))
		}
	}
	return starlark.Universe["range"].(*starlark.Builtin).CallInternal(r.thread, c.args, nil)
}

func (r *run) reversed(c call) (starlark.Value, error) {
	parts, err := r.partsOf(c)
	for i, j := 0, len(parts)-1; i < j; i, j = i+1, j-1 {
		parts[i], parts[j] = parts[j], parts[i]
	}
	return starlark.NewList(parts), err
}

// sum is sum(iterable, start=0), of ints.
func (r *run) sum(c call) (starlark.Value, error) {
	var v starlark.Value
	start := starlark.MakeInt(0)
	if err := c.named("iterable", &v, "start?", &start); err != nil {
		return nil, err
	}
	it, _, err := r.iterable(c.name, v)
	if err != nil {
		return nil, err
	}
	total, _ := start.Int64()
	for p := range starlark.Elements(it) {
		i, ok := p.(starlark.Int)
		if !ok {
			return nil, fmt.Errorf("sum adds ints, not %s", brief(p))
		}
		n, _ := i.Int64()
		if total+n < total != (n < 0) {
			return nil, errRange
		}
		total += n
	}
	return starlark.MakeInt64(total), nil
}

func (r *run) typeOf(c call) (starlark.Value, error) {
	var v starlark.Value
	if err := c.positional(1, &v); err != nil {
		return nil, err
	}
	return starlark.String(v.Type()), nil
}

func (r *run) zip(c call) (starlark.Value, error) {
	if len(c.kwargs) > 0 {
		return nil, errors.New("zip takes no named arguments")
	}
	var columns [][]starlark.Value
	rows := 0
	for i, a := range c.args {
		parts, err := r.collectAll(c.name, a)
		if err != nil {
			return nil, err
		}
		if i == 0 || len(parts) < rows {
			rows = len(parts)
		}
		columns = append(columns, parts)
	}
	if err := r.makeEach(rows, header+slot*(1+len(columns))); err != nil {
		return nil, err
	}
	out := make([]starlark.Value, rows)
	for i := range out {
		row := make(starlark.Tuple, len(columns))
		for j := range columns {
			row[j] = columns[j][i]
		}
		out[i] = row
	}
	return starlark.NewList(out), r.work(rows * len(columns))
}

func (r *run) str(c call) (starlark.Value, error) {
	var v starlark.Value
	if err := c.positional(1, &v); err != nil {
		return nil, err
	}
	if s, ok := v.(starlark.String); ok {
		return s, nil
	}
	p := printer{run: r}
	p.str(v)
	return p.result()
}

func (r *run) repr(c call) (starlark.Value, error) {
	var v starlark.Value
	if err := c.positional(1, &v); err != nil {
		return nil, err
	}
	p := printer{run: r}
	p.value(v, 0)
	return p.result()
}

// brief shows a value within an error.
func brief(v starlark.Value) string {
	switch v := v.(type) {
	case starlark.String:
		if len(v) <= 40 {
			return `"` + strings.ReplaceAll(string(v), `"`, `\"`) + `"`
		}
	case starlark.Int, starlark.Bool, starlark.NoneType:
		return v.String()
	}
	return "a " + v.Type()
}
