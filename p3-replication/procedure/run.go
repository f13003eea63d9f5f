package procedure

import (
	"errors"
	"fmt"
	"slices"

	"go.starlark.net/starlark"
)

// run is one execution of a program. An Interpreter has one and begins it again and again,
// because the functions that programs call are bound to it.
type run struct {
	meter
	db      *database
	methods map[string]map[string]*starlark.Builtin // by type and name
	outside bool                                    // a Reader of the host is at work
}

// begin forgets the run before and starts one of program p.
func (r *run) begin(limits Limits, p *program) {
	thread := &starlark.Thread{Name: fileName, Steps: p.steps}
	thread.Print = func(*starlark.Thread, string) {}
	thread.OnMaxSteps = func(t *starlark.Thread) {
		r.exceed("steps: a run may take %d", r.limits.Steps)
		t.Cancel("steps")
	}
	thread.SetMaxExecutionSteps(limits.Steps)
	r.meter = meter{limits: limits, thread: thread, memory: p.memory}
	r.db = nil
}

var errBroken = errors.New("the interpreter broke on it")

// protect calls f. If the interpreter panics, one write that makes it do so must not stop
// every replica that meets it: as it panics on all of them, that is an error like another. A
// panic of the host's Reader is none of the program's doing and goes on.
func (r *run) protect(f func(*starlark.Thread) (starlark.Value, error)) (v starlark.Value, err error) {
	defer func() {
		if r.outside {
			return
		}
		if p := recover(); p != nil {
			v, err = nil, errBroken
		}
	}()
	r.outside = false
	return f(r.thread)
}

// names returns all that a program may call: the functions under the operators, and those
// that it calls by name.
func (r *run) names() starlark.StringDict {
	names := starlark.StringDict{"$none": starlark.None, "json": opaque("json")}
	for name, op := range r.operators() {
		names[name] = starlark.NewBuiltin(name, func(_ *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
			return op(args)
		})
	}
	for name, f := range r.functions() {
		names[name] = r.builtin(name, f)
	}
	return names
}

// function is a function that programs call by name, or a method.
type function func(c call) (starlark.Value, error)

// call is a call of a function.
type call struct {
	name   string
	of     starlark.Value // what a method is called of
	args   starlark.Tuple
	kwargs []starlark.Tuple
}

// positional reads the arguments into variables; those after required may be left out.
func (c call) positional(required int, into ...any) error {
	return starlark.UnpackPositionalArgs(c.name, c.args, c.kwargs, required, into...)
}

// named reads arguments that may be given by name.
func (c call) named(pairs ...any) error {
	return starlark.UnpackArgs(c.name, c.args, c.kwargs, pairs...)
}

func (r *run) builtin(name string, f function) *starlark.Builtin {
	return starlark.NewBuiltin(name, func(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
		if err := r.make(0); err != nil {
			return nil, err
		}
		return f(call{name, b.Receiver(), args, kwargs})
	})
}

// attr is x.name: a field, or a method bound to x.
func (r *run) attr(x, name starlark.Value) (starlark.Value, error) {
	if err := r.make(header); err != nil {
		return nil, err
	}
	n := string(name.(starlark.String))
	if c, ok := x.(change); ok {
		return c.field(n)
	}
	if m := r.methods[x.Type()][n]; m != nil {
		return m.BindReceiver(x), nil
	}
	return nil, fmt.Errorf("a %s has no .%s", x.Type(), n)
}

// bind makes the tables of methods, by the type of what has them.
func (r *run) bind() {
	r.methods = map[string]map[string]*starlark.Builtin{}
	for kind, methods := range map[string]map[string]function{
		"string": r.textMethods(), "list": r.listMethods(), "dict": r.dictMethods(),
		"db": r.databaseMethods(), "json": r.jsonMethods(),
	} {
		r.methods[kind] = map[string]*starlark.Builtin{}
		for name, f := range methods {
			r.methods[kind][name] = r.builtin(name, f)
		}
	}
}

// offers reports whether anything has a field or method of this name.
func (r *run) offers(name string) bool {
	for _, methods := range r.methods {
		if methods[name] != nil {
			return true
		}
	}
	return slices.Contains(changeFields[:], name)
}
