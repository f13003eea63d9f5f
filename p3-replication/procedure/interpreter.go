package procedure

import (
	"iter"
	"slices"

	"go.starlark.net/starlark"
)

// Reader is the state at a write's place in the order. It answers alike on every replica that
// has executed the same writes before this one.
type Reader interface {
	// Get returns the value of a key; ok is false if there is none.
	Get(key string) (value []byte, ok bool)
	// Scan returns the pairs from key from up to and without key to, sorted; an empty to is
	// after all keys.
	Scan(from, to string) iter.Seq2[string, []byte]
}

// Change is one put or delete: of an update, or of what a merge procedure does in its place.
type Change struct {
	Key    string
	Value  []byte // of a put
	Delete bool
}

// Interpreter runs dependency checks and merge procedures. What it answers is a function of
// program, state and update, whatever it has run before. It starts no goroutine and is not
// safe for concurrent use.
type Interpreter struct {
	limits Limits
	run    *run
	names  starlark.StringDict // all that a program may call
	kept   map[string]*compiled
	order  []string // keys of kept, the one used last at the end
}

// compiled is a program or why there is none.
type compiled struct {
	program *program
	refused *Error
}

// maxKept is how many programs an Interpreter keeps compiled. The one that was not used for
// the longest time makes room.
const maxKept = 64

// New returns an interpreter with these ceilings. All replicas must use the same: Standard.
func New(limits Limits) *Interpreter {
	r := &run{}
	r.bind()
	return &Interpreter{limits: limits, run: r, names: r.names(), kept: map[string]*compiled{}}
}

// What a procedure may be, as errors tell it.
const (
	checkRole = "dependency check"
	mergeRole = "merge procedure"
)

// ValidateCheck refuses a source that no replica would run as a dependency check, with an
// *Error that wraps ErrRefused. Ask it where a write is accepted: later nobody is there to
// mend the source. An empty source is a check that always holds.
func (i *Interpreter) ValidateCheck(src string) error {
	return i.validate(checkRole, src)
}

// ValidateMerge is ValidateCheck for a merge procedure. An empty source is one that resolves
// no conflict.
func (i *Interpreter) ValidateMerge(src string) error {
	return i.validate(mergeRole, src)
}

func (i *Interpreter) validate(role, src string) error {
	if src == "" {
		return nil
	}
	_, _, err := i.function(role, src)
	return err
}

// Check runs a dependency check: it reports whether the update may be made as it is. The
// source is an expression of db and update, or a program that defines check(db, update); it
// answers True or False. Anything else is an *Error: then the update has no leave to be made,
// and a caller does well to treat it as a conflict that is not resolved.
func (i *Interpreter) Check(src string, db Reader, update []Change) (bool, error) {
	if src == "" {
		return true, nil
	}
	v, err := i.execute(checkRole, src, db, update)
	if err != nil {
		return false, err
	}
	holds, ok := v.(starlark.Bool)
	if !ok {
		return false, &Error{Role: checkRole, Kind: ErrFailed, Text: "it answered " + v.Type() + ": True or False is wanted"}
	}
	return bool(holds), nil
}

// Merge runs a merge procedure and returns what it does in place of the update: the last
// change of each key that it has put or deleted, sorted by key; none is an answer too. The
// source defines merge(db, update). With an *Error nothing is done, and the conflict stays;
// it wraps ErrUnresolved if the procedure says so by fail.
func (i *Interpreter) Merge(src string, db Reader, update []Change) ([]Change, error) {
	if src == "" {
		return nil, &Error{Role: mergeRole, Kind: ErrUnresolved, Text: "there is none"}
	}
	v, err := i.execute(mergeRole, src, db, update)
	if err != nil {
		return nil, err
	}
	if v != starlark.None {
		return nil, &Error{Role: mergeRole, Kind: ErrFailed, Text: "it returned " + v.Type() + ": what is to be done it says by db.put and db.delete"}
	}
	return i.run.db.made, nil
}

// execute runs the function of a role on a fresh meter.
func (i *Interpreter) execute(role, src string, db Reader, update []Change) (starlark.Value, error) {
	p, f, err := i.function(role, src)
	if err != nil {
		return nil, err
	}
	i.run.begin(i.limits, p)
	i.run.db = &database{opaque: "db", run: i.run, under: db, readOnly: role == checkRole}
	v, err := i.run.protect(func(t *starlark.Thread) (starlark.Value, error) {
		list, err := i.run.changes(update)
		if err != nil {
			return nil, err
		}
		return starlark.Call(t, f, starlark.Tuple{i.run.db, list}, nil)
	})
	if err != nil {
		return nil, i.run.failureOf(err).as(role)
	}
	return v, nil
}

// function returns a program and what it has for a role.
func (i *Interpreter) function(role, src string) (*program, *starlark.Function, error) {
	p, refused := i.program(src)
	if refused != nil {
		return nil, nil, refused.as(role)
	}
	f, refused := p.function(role)
	if refused != nil {
		return nil, nil, refused.as(role)
	}
	return p, f, nil
}

// program returns the program of a source, compiled now or before.
func (i *Interpreter) program(src string) (*program, *Error) {
	c := i.kept[src]
	if c == nil {
		c = &compiled{}
		c.program, c.refused = i.compile(src)
		i.keep(src, c)
	} else if at := slices.Index(i.order, src); at < len(i.order)-1 {
		i.order = append(slices.Delete(i.order, at, at+1), src)
	}
	return c.program, c.refused
}

func (i *Interpreter) keep(src string, c *compiled) {
	if len(src) > i.limits.Source {
		return
	}
	if len(i.order) == maxKept {
		delete(i.kept, i.order[0])
		i.order = slices.Delete(i.order, 0, 1)
	}
	i.kept[src] = c
	i.order = append(i.order, src)
}
