package procedure

import (
	"errors"
	"fmt"

	"go.starlark.net/starlark"
)

// dict makes a dict literal of keys and values by turns.
func (r *run) dict(x starlark.Value) (starlark.Value, error) {
	parts := x.(starlark.Tuple)
	d := new(starlark.Dict)
	if err := r.make(4 * entry); err != nil { // its first places come with it
		return nil, err
	}
	for i := 0; i < len(parts); i += 2 {
		n := d.Len()
		if err := r.set(d, parts[i], parts[i+1]); err != nil {
			return nil, err
		}
		if d.Len() == n {
			return nil, fmt.Errorf("the key %s is twice in a dict", brief(parts[i]))
		}
	}
	return d, nil
}

// pairs makes the dict of a comprehension.
func (r *run) pairs(list starlark.Value) (starlark.Value, error) {
	d := new(starlark.Dict)
	if err := r.make(4 * entry); err != nil {
		return nil, err
	}
	return d, r.update(d, list)
}

// set puts a pair into a dict.
func (r *run) set(d *starlark.Dict, key, value starlark.Value) error {
	if _, err := r.slot(key); err != nil {
		return err
	}
	if err := r.probe(d); err != nil {
		return err
	}
	return d.SetKey(key, value)
}

// union is x | y of dicts: x, and what y adds or has instead.
func (r *run) union(x, y *starlark.Dict) (starlark.Value, error) {
	n := x.Len() + y.Len()
	if err := r.makeEach(n, entry); err != nil {
		return nil, err
	}
	if err := r.work(n * (1 + n/probeEntries)); err != nil {
		return nil, err
	}
	return x.Union(y), nil
}

// probeEntries is how many keys of a dict are passed in the time of a step.
const probeEntries = 32

// probe charges a look into a dict as if all of its keys had the same hash: who writes a
// program can see to that, as the library's hash of numbers and short texts is no secret.
func (r *run) probe(x starlark.Value) error {
	if d, ok := x.(*starlark.Dict); ok {
		return r.work(d.Len() / probeEntries)
	}
	return nil
}

// lookUp charges a search for a key.
func (r *run) lookUp(d *starlark.Dict, key starlark.Value) error {
	if err := r.key(key); err != nil {
		return err
	}
	return r.probe(d)
}

// maxKeyParts is how many parts a tuple that is a key may have. Each look compares them with
// those of other keys.
const maxKeyParts = 8

// key charges the hashing of a key and refuses what is too much to compare.
func (r *run) key(v starlark.Value) error {
	if t, ok := v.(starlark.Tuple); ok {
		if len(t) > maxKeyParts {
			return fmt.Errorf("a key of a dict is a tuple of %d parts: at most %d are allowed", len(t), maxKeyParts)
		}
		for _, part := range t {
			if _, nested := part.(starlark.Tuple); nested {
				return errors.New("a key of a dict is a tuple in a tuple: that is not allowed")
			}
		}
	}
	return r.walk(v)
}

// slot is the place of an assignment: it may make an entry of a dict.
func (r *run) slot(at starlark.Value) (starlark.Value, error) {
	if err := r.key(at); err != nil {
		return nil, err
	}
	return at, r.grow(entry)
}
