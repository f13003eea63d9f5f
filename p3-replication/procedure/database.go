package procedure

import (
	"cmp"
	"errors"
	"fmt"
	"iter"
	"slices"

	"go.starlark.net/starlark"

	"dss.example/common/kv"
)

// database is what a program sees as db: the state, under what the run has changed.
type database struct {
	opaque
	run      *run
	under    Reader
	readOnly bool
	made     []Change // sorted by key
	bytes    int      // of keys and values in made
}

func (r *run) databaseMethods() map[string]function {
	return map[string]function{
		"get":    r.get,
		"scan":   r.scan,
		"prefix": r.prefix,
		"put":    r.put,
		"delete": r.delete,
		"apply":  r.apply,
	}
}

// get is db.get(key, default=None).
func (r *run) get(c call) (starlark.Value, error) {
	var key string
	var missing starlark.Value = starlark.None
	if err := c.named("key", &key, "default?", &missing); err != nil {
		return nil, err
	}
	if err := r.read(); err != nil {
		return nil, err
	}
	value, ok := r.db.get(key)
	if !ok {
		return missing, nil
	}
	if err := r.make(len(value)); err != nil {
		return nil, err
	}
	return starlark.String(value), nil
}

func (d *database) get(key string) ([]byte, bool) {
	if at, ok := d.find(key); ok {
		return d.made[at].Value, !d.made[at].Delete
	}
	d.run.outside = true
	value, ok := d.under.Get(key)
	d.run.outside = false
	return value, ok
}

func (d *database) find(key string) (int, bool) {
	return slices.BinarySearchFunc(d.made, key, func(c Change, key string) int { return cmp.Compare(c.Key, key) })
}

// scan is db.scan(start="", end="", limit=-1): a list of (key, value), sorted by key. An empty end is
// after all keys.
func (r *run) scan(c call) (starlark.Value, error) {
	var from, to string
	limit := -1
	if err := c.named("start?", &from, "end?", &to, "limit?", &limit); err != nil {
		return nil, err
	}
	return r.collect(from, to, limit)
}

// prefix is db.prefix(prefix, limit=-1): a scan of the keys that begin with it.
func (r *run) prefix(c call) (starlark.Value, error) {
	var prefix string
	limit := -1
	if err := c.named("prefix", &prefix, "limit?", &limit); err != nil {
		return nil, err
	}
	return r.collect(prefix, after(prefix), limit)
}

// after returns the least key above all that begin with prefix; empty: there is none.
func after(prefix string) string {
	for n := len(prefix); n > 0; n-- {
		if last := prefix[n-1]; last < 0xff {
			return prefix[:n-1] + string([]byte{last + 1})
		}
	}
	return ""
}

// collect makes a list of pairs, up to limit of them unless it is negative.
func (r *run) collect(from, to string, limit int) (starlark.Value, error) {
	if err := r.make(0); err != nil {
		return nil, err
	}
	var pairs []starlark.Value
	if limit == 0 || to != "" && from >= to {
		return starlark.NewList(pairs), nil
	}
	for key, value := range r.db.pairs(from, to) {
		if err := r.read(); err != nil {
			return nil, err
		}
		if err := r.make(3*slot + 2*header + len(key) + len(value)); err != nil {
			return nil, err
		}
		pairs = append(pairs, starlark.Tuple{starlark.String(key), starlark.String(value)})
		if len(pairs) == limit {
			break
		}
	}
	return starlark.NewList(pairs), nil
}

// pairs merges the state with the changes over it.
func (d *database) pairs(from, to string) iter.Seq2[string, []byte] {
	return func(yield func(string, []byte) bool) {
		at, _ := d.find(from)
		over := d.made[at:]
		if to != "" {
			end, _ := d.find(to)
			over = d.made[at:end]
		}
		for key, value := range d.outside(from, to) {
			for len(over) > 0 && over[0].Key < key {
				if !over[0].Delete && !yield(over[0].Key, over[0].Value) {
					return
				}
				over = over[1:]
			}
			if len(over) > 0 && over[0].Key == key {
				continue // what is over it comes in the next turn
			}
			if !yield(key, value) {
				return
			}
		}
		for _, c := range over {
			if !c.Delete && !yield(c.Key, c.Value) {
				return
			}
		}
	}
}

// outside scans the host's state, and tells protect whose panic it would be.
func (d *database) outside(from, to string) iter.Seq2[string, []byte] {
	return func(yield func(string, []byte) bool) {
		d.run.outside = true
		for key, value := range d.under.Scan(from, to) {
			d.run.outside = false
			if !yield(key, value) {
				return
			}
			d.run.outside = true
		}
		d.run.outside = false
	}
}

// put is db.put(key, value).
func (r *run) put(c call) (starlark.Value, error) {
	var key string
	var value starlark.Value
	if err := c.named("key", &key, "value", &value); err != nil {
		return nil, err
	}
	text, ok := value.(starlark.String)
	if !ok {
		return nil, fmt.Errorf("the value of a put is a string, not %s: use str or json.encode", value.Type())
	}
	return starlark.None, r.db.change(change{key: key, value: string(text)})
}

// delete is db.delete(key); it may not be there.
func (r *run) delete(c call) (starlark.Value, error) {
	var key string
	if err := c.named("key", &key); err != nil {
		return nil, err
	}
	return starlark.None, r.db.change(change{key: key, deleted: true})
}

// apply is db.apply(change): what an update says, done as it is.
func (r *run) apply(c call) (starlark.Value, error) {
	var v starlark.Value
	if err := c.positional(1, &v); err != nil {
		return nil, err
	}
	u, ok := v.(change)
	if !ok {
		return nil, fmt.Errorf("apply takes a change of the update, not %s", v.Type())
	}
	return starlark.None, r.db.change(u)
}

var errReadOnly = errors.New("a dependency check only reads")

// change puts a change over the state, in place of an earlier one of its key.
func (d *database) change(c change) error {
	if d.readOnly {
		return errReadOnly
	}
	if c.key == "" || len(c.key) > kv.MaxKey {
		return fmt.Errorf("a key has 1 to %d bytes, not %d", kv.MaxKey, len(c.key))
	}
	if err := d.run.make(len(c.key) + len(c.value)); err != nil {
		return err
	}
	at, again := d.find(c.key)
	if again {
		d.bytes -= len(c.key) + len(d.made[at].Value)
	} else if len(d.made) == d.run.limits.Changes {
		return d.run.exceed("changes: a run may change %d keys", d.run.limits.Changes)
	}
	if d.bytes += len(c.key) + len(c.value); d.bytes > d.run.limits.ChangeBytes {
		return d.run.exceed("changes: a run may change %d bytes of keys and values", d.run.limits.ChangeBytes)
	}
	if !again {
		d.made = slices.Insert(d.made, at, Change{})
	}
	d.made[at] = Change{Key: c.key, Delete: c.deleted}
	if !c.deleted {
		d.made[at].Value = []byte(c.value)
	}
	return nil
}
