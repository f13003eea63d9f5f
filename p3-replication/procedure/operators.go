package procedure

import (
	"errors"
	"fmt"
	"math"
	"strings"

	"go.starlark.net/starlark"
	"go.starlark.net/syntax"
)

// operators returns the functions that the rewriter calls in place of operators.
func (r *run) operators() map[string]operator {
	ops := map[string]operator{
		"$in":     fixed2(r.in),
		"$not in": fixed2(r.notIn),
		"$negate": fixed1(func(x starlark.Value) (starlark.Value, error) { return r.arith(syntax.MINUS, starlark.MakeInt(0), x) }),
		"$index":  fixed2(r.index),
		"$slice":  r.slice,
		"$holder": fixed1(func(x starlark.Value) (starlark.Value, error) { return x, r.probe(x) }),
		"$slot":   fixed1(r.slot),
		"$pairs":  fixed1(r.pairs),
		"$item":   fixed1(func(x starlark.Value) (starlark.Value, error) { return x, r.grow(slot) }),
		"$list":   fixed1(r.list),
		"$tuple":  fixed1(func(x starlark.Value) (starlark.Value, error) { return x, r.makeEach(starlark.Len(x), slot) }),
		"$dict":   fixed1(r.dict),
		"$lambda": fixed1(func(x starlark.Value) (starlark.Value, error) { return x, r.make(header) }),
		"$attr":   fixed2(r.attr),

		"$comprehension": fixed1(func(x starlark.Value) (starlark.Value, error) { return x, r.make(0) }),
	}
	for op := syntax.PLUS; op <= syntax.GTGT; op++ {
		ops["$"+op.String()] = fixed2(func(x, y starlark.Value) (starlark.Value, error) { return r.binary(op, x, y) })
		ops[augmented(op)] = fixed2(func(x, y starlark.Value) (starlark.Value, error) { return r.augment(op, x, y) })
	}
	for op := syntax.LT; op <= syntax.NEQ; op++ {
		ops["$"+op.String()] = fixed2(func(x, y starlark.Value) (starlark.Value, error) { return r.compare(op, x, y) })
	}
	return ops
}

// operator is a function of the rewriter: it is always called with as many arguments as it
// takes.
type operator func(args starlark.Tuple) (starlark.Value, error)

func fixed1(f func(x starlark.Value) (starlark.Value, error)) operator {
	return func(args starlark.Tuple) (starlark.Value, error) { return f(args[0]) }
}

func fixed2(f func(x, y starlark.Value) (starlark.Value, error)) operator {
	return func(args starlark.Tuple) (starlark.Value, error) { return f(args[0], args[1]) }
}

var errRange = errors.New("an integer does not fit 64 bits")

// arith is an operator of numbers. Integers have 64 bits; what exceeds them is an error, as a
// number without bound is a value that grows.
func (r *run) arith(op syntax.Token, x, y starlark.Value) (starlark.Value, error) {
	if err := r.make(0); err != nil {
		return nil, err
	}
	z, err := starlark.Binary(op, x, y)
	if n, ok := z.(starlark.Int); ok && err == nil {
		if _, ok := n.Int64(); !ok {
			return nil, errRange
		}
	}
	return z, err
}

// binary is x op y.
func (r *run) binary(op syntax.Token, x, y starlark.Value) (starlark.Value, error) {
	switch x := x.(type) {
	case starlark.Int:
		if op == syntax.STAR && sizeOf(y) >= 0 {
			return r.repeat(y, x)
		}
		if _, ok := y.(starlark.Int); ok {
			return r.arith(op, x, y)
		}
	case starlark.String:
		if op == syntax.PERCENT {
			return r.interpolate(string(x), y)
		}
	case *starlark.Dict:
		if other, ok := y.(*starlark.Dict); ok && op == syntax.PIPE {
			return r.union(x, other)
		}
	}
	if n, ok := y.(starlark.Int); ok && op == syntax.STAR && sizeOf(x) >= 0 {
		return r.repeat(x, n)
	}
	if op == syntax.PLUS && x.Type() == y.Type() && sizeOf(x) >= 0 {
		return r.concat(x, y)
	}
	return nil, fmt.Errorf("%s %s %s is not defined", x.Type(), op, y.Type())
}

// sizeOf returns the bytes of what concatenation copies; -1: x cannot be concatenated.
func sizeOf(x starlark.Value) int {
	switch x := x.(type) {
	case starlark.String:
		return len(x)
	case *starlark.List:
		return x.Len() * slot
	case starlark.Tuple:
		return x.Len() * slot
	}
	return -1
}

func (r *run) concat(x, y starlark.Value) (starlark.Value, error) {
	n := sizeOf(x) + sizeOf(y)
	if err := r.make(n); err != nil {
		return nil, err
	}
	if err := r.text(n); err != nil {
		return nil, err
	}
	return starlark.Binary(syntax.PLUS, x, y)
}

func (r *run) repeat(x starlark.Value, times starlark.Int) (starlark.Value, error) {
	n, ok := times.Int64()
	if !ok || n > math.MaxInt32 {
		n = math.MaxInt32 // refused below, unless x is empty
	}
	n = max(n, 0)
	if err := r.makeEach(int(n), sizeOf(x)); err != nil {
		return nil, err
	}
	if err := r.text(int(n) * sizeOf(x)); err != nil {
		return nil, err
	}
	return starlark.Binary(syntax.STAR, x, starlark.MakeInt64(n))
}

// augment is x op= y, which extends a list or a dict in place and is binary otherwise.
func (r *run) augment(op syntax.Token, x, y starlark.Value) (starlark.Value, error) {
	switch x := x.(type) {
	case *starlark.List:
		if op == syntax.PLUS {
			return x, r.extend(x, y)
		}
	case *starlark.Dict:
		if other, ok := y.(*starlark.Dict); ok && op == syntax.PIPE {
			return x, r.update(x, other)
		}
	}
	return r.binary(op, x, y)
}

// compare is x op y of ==, !=, <, >, <= and >=.
func (r *run) compare(op syntax.Token, x, y starlark.Value) (starlark.Value, error) {
	if err := r.weigh(x, y); err != nil {
		return nil, err
	}
	ok, err := starlark.Compare(op, x, y)
	if err != nil {
		return nil, fmt.Errorf("%s %s %s is not defined", x.Type(), op, y.Type())
	}
	return starlark.Bool(ok), nil
}

// weigh charges the work of a comparison.
func (r *run) weigh(x, y starlark.Value) error {
	s, ok := x.(starlark.String)
	if t, too := y.(starlark.String); ok && too {
		return r.text(min(len(s), len(t)))
	}
	if err := r.walk(x); err != nil {
		return err
	}
	return r.walk(y)
}

func (r *run) notIn(x, y starlark.Value) (starlark.Value, error) {
	v, err := r.in(x, y)
	if err != nil {
		return nil, err
	}
	return !v.(starlark.Bool), nil
}

// in is x in y.
func (r *run) in(x, y starlark.Value) (starlark.Value, error) {
	switch y := y.(type) {
	case starlark.String:
		x, ok := x.(starlark.String)
		if !ok {
			break
		}
		return starlark.Bool(strings.Contains(string(y), string(x))), r.text(len(y))
	case *starlark.Dict:
		if err := r.lookUp(y, x); err != nil {
			return nil, err
		}
		_, found, err := y.Get(x)
		return starlark.Bool(found), err
	case *starlark.List, starlark.Tuple:
		if err := r.weigh(x, y); err != nil {
			return nil, err
		}
		return starlark.Binary(syntax.IN, x, y)
	}
	if y.Type() == "range" {
		return starlark.Binary(syntax.IN, x, y)
	}
	return nil, fmt.Errorf("%s in %s is not defined", x.Type(), y.Type())
}

// index is x[y].
func (r *run) index(x, y starlark.Value) (starlark.Value, error) {
	switch x := x.(type) {
	case *starlark.Dict:
		if err := r.lookUp(x, y); err != nil {
			return nil, err
		}
		v, found, err := x.Get(y)
		if err == nil && !found {
			return nil, fmt.Errorf("the dict has no key %s", brief(y))
		}
		return v, err
	case starlark.Indexable:
		i, err := starlark.AsInt32(y)
		if err != nil {
			return nil, fmt.Errorf("the index of a %s is an int of 32 bits, not %s", x.Type(), brief(y))
		}
		if i < 0 {
			i += x.Len()
		}
		if i < 0 || i >= x.Len() {
			return nil, fmt.Errorf("index %s is out of a %s of %d", brief(y), x.Type(), x.Len())
		}
		return x.Index(i), r.make(0)
	}
	return nil, fmt.Errorf("a %s has no parts to index", x.Type())
}

// slice is x[lo:hi:step].
func (r *run) slice(args starlark.Tuple) (starlark.Value, error) {
	x, ok := args[0].(starlark.Sliceable)
	if !ok {
		return nil, fmt.Errorf("a %s has no parts to slice", args[0].Type())
	}
	step, err := sliceStep(args[3])
	if err != nil {
		return nil, err
	}
	n := x.Len()
	first, last := 0, n // where a bound may lie
	if step < 0 {
		first, last = -1, n-1
	}
	from, to := first, last
	if step < 0 {
		from, to = last, first
	}
	if from, err = sliceBound(args[1], n, first, last, from); err != nil {
		return nil, err
	}
	if to, err = sliceBound(args[2], n, first, last, to); err != nil {
		return nil, err
	}
	if step > 0 && from >= to || step < 0 && from <= to {
		from, to, step = 0, 0, 1
	}
	step = min(max(step, -n-1), n+1) // beyond its length all steps are alike
	size := 1
	if _, text := args[0].(starlark.String); !text {
		size = slot
	}
	if err := r.makeEach((to-from)/step+1, size); err != nil {
		return nil, err
	}
	return x.Slice(from, to, step), r.text((to - from) / step)
}

func sliceStep(v starlark.Value) (int, error) {
	if v == starlark.None {
		return 1, nil
	}
	step, err := starlark.AsInt32(v)
	if err != nil || step == 0 {
		return 0, fmt.Errorf("the step of a slice is an int of 32 bits and not 0, not %s", brief(v))
	}
	return step, nil
}

// sliceBound returns a bound, from the end if negative, moved to lie from first to last.
func sliceBound(v starlark.Value, n, first, last, missing int) (int, error) {
	if v == starlark.None {
		return missing, nil
	}
	i, ok := v.(starlark.Int)
	if !ok {
		return 0, fmt.Errorf("the bounds of a slice are ints, not %s", v.Type())
	}
	at, ok := i.Int64()
	if at < 0 && ok {
		at += int64(n)
	}
	return int(min(max(at, int64(first)), int64(last))), nil
}

// list makes a list literal of its parts; the tuple that holds them is given up to it.
func (r *run) list(x starlark.Value) (starlark.Value, error) {
	parts := x.(starlark.Tuple)
	if err := r.makeEach(len(parts), slot); err != nil {
		return nil, err
	}
	return starlark.NewList(parts), nil
}
