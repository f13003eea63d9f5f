package procedure

import (
	"fmt"
	"slices"

	"go.starlark.net/starlark"
	"go.starlark.net/syntax"
)

// library is a method of the library's, called after charge has been paid. It takes no named
// arguments.
func library(charge func(c call) error) function {
	return func(c call) (starlark.Value, error) {
		if len(c.kwargs) > 0 {
			return nil, fmt.Errorf("%s takes no named arguments", c.name)
		}
		if err := charge(c); err != nil {
			return nil, err
		}
		method, err := c.of.(starlark.HasAttrs).Attr(c.name)
		if err != nil {
			return nil, err
		}
		// It is a built-in function that calls nothing and so needs no thread.
		return method.(*starlark.Builtin).CallInternal(nil, c.args, nil)
	}
}

func (r *run) listMethods() map[string]function {
	one := library(func(call) error { return r.grow(slot) })
	all := library(func(c call) error { return r.work(starlark.Len(c.of)) })
	search := library(func(c call) error { return r.walkCall(c) })
	return map[string]function{
		"append": one,
		"clear":  all,
		"extend": func(c call) (starlark.Value, error) {
			var more starlark.Value
			if err := c.positional(1, &more); err != nil {
				return nil, err
			}
			return starlark.None, r.extend(c.of.(*starlark.List), more)
		},
		"index": search,
		"insert": library(func(c call) error {
			if err := r.work(starlark.Len(c.of)); err != nil {
				return err
			}
			return r.grow(slot)
		}),
		"pop":    all,
		"remove": search,
	}
}

func (r *run) dictMethods() map[string]function {
	search := library(func(c call) error { return r.lookUpArg(c) })
	return map[string]function{
		"clear": library(func(c call) error { return r.work(starlark.Len(c.of)) }),
		"get":   search,
		"items": library(func(c call) error { return r.listOf(starlark.Len(c.of), 3*slot) }),
		"keys":  library(func(c call) error { return r.listOf(starlark.Len(c.of), slot) }),
		"pop":   search,
		"setdefault": library(func(c call) error {
			if err := r.lookUpArg(c); err != nil {
				return err
			}
			return r.grow(entry)
		}),
		"update": func(c call) (starlark.Value, error) {
			var more starlark.Value
			if err := c.positional(1, &more); err != nil {
				return nil, err
			}
			return starlark.None, r.update(c.of.(*starlark.Dict), more)
		},
		"values": library(func(c call) error { return r.listOf(starlark.Len(c.of), slot) }),
	}
}

// listOf charges a list of n parts that a step of work each fills.
func (r *run) listOf(n, size int) error {
	if err := r.work(n); err != nil {
		return err
	}
	return r.makeEach(n, size)
}

// walkCall charges a search through all that a method is called of.
func (r *run) walkCall(c call) error {
	if len(c.args) == 0 {
		return nil // the library refuses it
	}
	return r.weigh(c.of, c.args[0])
}

// lookUpArg charges a search of a dict for the first argument.
func (r *run) lookUpArg(c call) error {
	if len(c.args) == 0 {
		return nil // the library refuses it
	}
	return r.lookUp(c.of.(*starlark.Dict), c.args[0])
}

// iterable returns v and its length, the work of going over it paid.
func (r *run) iterable(what string, v starlark.Value) (starlark.Iterable, int, error) {
	it, ok := v.(starlark.Iterable)
	if !ok {
		return nil, 0, fmt.Errorf("%s: a %s has no parts to go over", what, v.Type())
	}
	n := starlark.Len(v)
	return it, n, r.work(n)
}

// collectAll returns the parts of v in a list of their own.
func (r *run) collectAll(what string, v starlark.Value) ([]starlark.Value, error) {
	it, n, err := r.iterable(what, v)
	if err != nil {
		return nil, err
	}
	if err := r.makeEach(n, slot); err != nil {
		return nil, err
	}
	parts := make([]starlark.Value, 0, n)
	for p := range starlark.Elements(it) {
		parts = append(parts, p)
	}
	return parts, nil
}

// extend appends the parts of more to a list.
func (r *run) extend(list *starlark.List, more starlark.Value) error {
	parts, err := r.collectAll("extend", more) // a list may extend itself
	if err != nil {
		return err
	}
	if err := r.grow(len(parts) * slot); err != nil {
		return err
	}
	for _, p := range parts {
		if err := list.Append(p); err != nil {
			return err
		}
	}
	return nil
}

// update sets the pairs of more in a dict.
func (r *run) update(d *starlark.Dict, more starlark.Value) error {
	if other, ok := more.(*starlark.Dict); ok {
		if err := r.listOf(other.Len(), 3*slot); err != nil {
			return err
		}
		for _, pair := range other.Items() {
			if err := r.set(d, pair[0], pair[1]); err != nil {
				return err
			}
		}
		return nil
	}
	parts, err := r.collectAll("update", more)
	if err != nil {
		return err
	}
	for _, p := range parts {
		pair, ok := p.(starlark.Indexable)
		if !ok || pair.Len() != 2 {
			return fmt.Errorf("update: pairs of key and value are wanted, not %s", brief(p))
		}
		if err := r.set(d, pair.Index(0), pair.Index(1)); err != nil {
			return err
		}
	}
	return nil
}

// sort sorts values by their keys, stably. What it is charged depends on the keys alone and
// not on how many of them the sort compares.
func (r *run) sort(values, keys []starlark.Value, reverse bool) ([]starlark.Value, error) {
	if err := r.weighAll(keys, looksOf(len(keys))); err != nil {
		return nil, err
	}
	if err := r.makeEach(len(keys), 4*slot); err != nil {
		return nil, err
	}
	type keyed struct{ key, value starlark.Value }
	pairs := make([]keyed, len(keys))
	for i := range keys {
		pairs[i] = keyed{keys[i], values[i]}
	}
	var failed error
	slices.SortStableFunc(pairs, func(a, b keyed) int {
		if reverse {
			a, b = b, a
		}
		n, err := order(a.key, b.key)
		if err != nil {
			failed = err
		}
		return n
	})
	for i := range pairs {
		values[i] = pairs[i].value
	}
	return values, failed
}

// weighAll charges so many comparisons of each key.
func (r *run) weighAll(keys []starlark.Value, times int) error {
	before := r.thread.Steps
	for _, k := range keys {
		if err := r.walk(k); err != nil {
			return err
		}
	}
	if once := int(r.thread.Steps - before); times > 1 {
		return r.work(once * (times - 1))
	}
	return nil
}

// order compares two values; its error does not say which, as that is up to the sort.
func order(a, b starlark.Value) (int, error) {
	less, err := starlark.Compare(syntax.LT, a, b)
	if err == nil && less {
		return -1, nil
	}
	if err == nil {
		less, err = starlark.Compare(syntax.LT, b, a)
	}
	if err != nil {
		return 0, fmt.Errorf("values of different types, or without order, cannot be sorted")
	}
	if less {
		return 1, nil
	}
	return 0, nil
}
