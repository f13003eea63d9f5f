package procedure

import (
	"fmt"

	"go.starlark.net/starlark"
)

// opaque is a value that has methods and nothing to show: db and json.
type opaque string

func (o opaque) String() string        { return string(o) }
func (o opaque) Type() string          { return string(o) }
func (o opaque) Freeze()               {}
func (o opaque) Truth() starlark.Bool  { return true }
func (o opaque) Hash() (uint32, error) { return 0, fmt.Errorf("unhashable: %s", o.Type()) }

// change is a Change as programs see it: key, value and delete. It is never altered.
type change struct {
	key, value string
	deleted    bool
}

var changeFields = [...]string{"key", "value", "delete"}

func (c change) String() string        { return "change" }
func (c change) Type() string          { return "change" }
func (c change) Freeze()               {}
func (c change) Truth() starlark.Bool  { return true }
func (c change) Hash() (uint32, error) { return 0, fmt.Errorf("unhashable: %s", c.Type()) }

// field returns a part of it; a delete has no value.
func (c change) field(name string) (starlark.Value, error) {
	switch name {
	case "key":
		return starlark.String(c.key), nil
	case "delete":
		return starlark.Bool(c.deleted), nil
	case "value":
		if c.deleted {
			return starlark.None, nil
		}
		return starlark.String(c.value), nil
	}
	return nil, fmt.Errorf("a change has no .%s", name)
}

// changes is the update as programs see it.
func (r *run) changes(update []Change) (starlark.Value, error) {
	if err := r.makeEach(len(update), slot+header); err != nil {
		return nil, err
	}
	list := make([]starlark.Value, 0, len(update))
	for _, c := range update {
		if err := r.make(len(c.Key) + len(c.Value)); err != nil {
			return nil, err
		}
		list = append(list, change{c.Key, string(c.Value), c.Delete})
	}
	return starlark.NewList(list), nil
}
