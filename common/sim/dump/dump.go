// Package dump prints any Go value, unexported fields included, so that equal
// values print the same bytes in every run of every process.
//
// Exhaustive search takes a machine's dump for its identity, and viewers show what
// changed between two dumps. So a dump holds no address and no map order, and nil
// and empty differ. What it cannot see, it does not tell apart: the state behind
// a func or a channel (only its type and whether it is nil are printed), and two
// slices that share memory from two that are equal. The marks of a btree's copies are left out. Pointers and maps that are met
// again are printed as a reference (&@2), so sharing and cycles are visible.
//
// Nothing is called on the way: no String, no Error, no method of the value.
package dump

import (
	"bytes"
	"cmp"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// String returns the dump of v on one line.
func String(v any) string { return string(Append(nil, v)) }

// Append appends the dump of v to b, on one line.
func Append(b []byte, v any) []byte {
	var p Printer
	return p.Append(b, v)
}

// Printer appends dumps as the package's functions do, and faster from the second
// time on: it remembers the types that it has seen. The zero value is ready. One
// goroutine uses it at a time.
type Printer struct {
	fields map[reflect.Type][]field
	met    map[place]int // pointers and maps, numbered in the order of meeting
	within []span        // slices that enclose the value being printed
}

// Addresses are compared within one dump only, and never printed.
type (
	place struct { // a struct and its first field share an address, not a type
		at uintptr
		of reflect.Type
	}
	span struct {
		at  uintptr
		len int
	}
)

// Append appends the dump of v to b, on one line.
func (p *Printer) Append(b []byte, v any) []byte {
	clear(p.met)
	p.within = p.within[:0]
	if v == nil {
		return append(b, "nil"...)
	}
	r := reflect.ValueOf(v)
	if r.Kind() == reflect.Struct {
		b = append(b, r.Type().Name()...)
	}
	return p.value(b, r)
}

func (p *Printer) value(b []byte, v reflect.Value) []byte {
	switch v.Kind() {
	case reflect.Bool:
		return strconv.AppendBool(b, v.Bool())
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return strconv.AppendInt(b, v.Int(), 10)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		return strconv.AppendUint(b, v.Uint(), 10)
	case reflect.Float32, reflect.Float64:
		return appendFloat(b, v.Float())
	case reflect.Complex64, reflect.Complex128:
		c := v.Complex()
		return append(appendFloat(append(appendFloat(append(b, '('), real(c)), ' '), imag(c)), ')')
	case reflect.String:
		return strconv.AppendQuote(b, v.String())
	case reflect.Struct:
		return p.structure(b, v)
	case reflect.Array:
		return p.items(b, v)
	case reflect.Slice:
		return p.slice(b, v)
	case reflect.Map:
		return p.mapping(b, v)
	case reflect.Pointer:
		return p.pointer(b, v)
	case reflect.Interface:
		if v.IsNil() {
			return append(b, "nil"...)
		}
		return p.value(appendType(b, v.Elem()), v.Elem())
	}
	return appendOpaque(b, v)
}

// appendType appends what tells a value in an interface from an equal one of
// another type.
func appendType(b []byte, v reflect.Value) []byte {
	if v.Kind() == reflect.Struct {
		return append(b, v.Type().String()...)
	}
	b = append(append(b, '('), v.Type().String()...)
	return append(b, ')')
}

// appendOpaque prints funcs, channels and unsafe pointers by their type alone.
func appendOpaque(b []byte, v reflect.Value) []byte {
	if v.IsNil() {
		return append(b, "nil"...)
	}
	return append(append(append(b, '<'), v.Type().String()...), '>')
}

// appendFloat keeps the sign of zero; every NaN prints the same.
func appendFloat(b []byte, f float64) []byte {
	if f == math.Trunc(f) && math.Abs(f) < 1e15 {
		return strconv.AppendFloat(b, f, 'f', 1, 64)
	}
	return strconv.AppendFloat(b, f, 'g', -1, 64)
}

func (p *Printer) structure(b []byte, v reflect.Value) []byte {
	b = append(b, '{')
	for i, f := range p.names(v.Type()) {
		if i > 0 {
			b = append(b, ' ')
		}
		b = append(append(b, f.name...), ':')
		b = p.value(b, v.Field(f.at))
	}
	return append(b, '}')
}

// field is one of a struct's, by its place.
type field struct {
	name string
	at   int
}

func (p *Printer) names(t reflect.Type) []field {
	fields, ok := p.fields[t]
	if ok {
		return fields
	}
	for i := range t.NumField() {
		if name := t.Field(i).Name; name != copyMark || t.PkgPath() != btree {
			fields = append(fields, field{name, i})
		}
	}
	if p.fields == nil {
		p.fields = make(map[reflect.Type][]field)
	}
	p.fields[t] = fields
	return fields
}

// A tree of this package, which is copied when it is written, has a mark that tells copies apart:
// a number that the process has never given before.
const (
	btree    = "github.com/tidwall/btree"
	copyMark = "isoid"
)

func (p *Printer) items(b []byte, v reflect.Value) []byte {
	b = append(b, '[')
	for i := range v.Len() {
		if i > 0 {
			b = append(b, ' ')
		}
		b = p.value(b, v.Index(i))
	}
	return append(b, ']')
}

func (p *Printer) slice(b []byte, v reflect.Value) []byte {
	if v.IsNil() {
		return append(b, "nil"...)
	}
	if v.Type().Elem().Kind() == reflect.Uint8 {
		return strconv.AppendQuote(append(b, 'b'), string(v.Bytes()))
	}
	here := span{v.Pointer(), v.Len()}
	if here.len > 0 && slices.Contains(p.within, here) && elemSize(v) > 0 {
		return append(b, "[@cycle]"...)
	}
	p.within = append(p.within, here)
	b = p.items(b, v)
	p.within = p.within[:len(p.within)-1]
	return b
}

// elemSize tells a slice that may enclose itself from one of empty structs, all
// of which share one address.
func elemSize(v reflect.Value) uintptr { return v.Type().Elem().Size() }

func (p *Printer) pointer(b []byte, v reflect.Value) []byte {
	if v.IsNil() {
		return append(b, "nil"...)
	}
	b = append(b, '&')
	b, again := p.meet(b, v)
	if again {
		return b
	}
	return p.value(b, v.Elem())
}

// meet notes a pointer or map, and prints a reference if it was met before. Empty
// structs are no reference: they all share one address.
func (p *Printer) meet(b []byte, v reflect.Value) ([]byte, bool) {
	if v.Kind() == reflect.Pointer && v.Type().Elem().Size() == 0 {
		return b, false
	}
	here := place{v.Pointer(), v.Type()}
	if i, again := p.met[here]; again {
		return strconv.AppendInt(append(b, '@'), int64(i), 10), true
	}
	if p.met == nil {
		p.met = make(map[place]int)
	}
	p.met[here] = len(p.met)
	return b, false
}

func (p *Printer) mapping(b []byte, v reflect.Value) []byte {
	if v.IsNil() {
		return append(b, "nil"...)
	}
	b = append(b, "map"...)
	b, again := p.meet(b, v)
	if again {
		return b
	}
	b = append(b, '[')
	for i, e := range p.entries(v) {
		if i > 0 {
			b = append(b, ' ')
		}
		b = append(p.value(b, e.key), ':')
		b = p.value(b, e.val)
	}
	return append(b, ']')
}

type entry struct{ key, val reflect.Value }

// entries returns a map's pairs, sorted by key.
func (p *Printer) entries(v reflect.Value) []entry {
	pairs := make([]entry, 0, v.Len())
	for it := v.MapRange(); it.Next(); {
		pairs = append(pairs, entry{it.Key(), it.Value()})
	}
	slices.SortFunc(pairs, func(x, y entry) int {
		if c := compare(x.key, y.key); c != 0 {
			return c
		}
		return compareDumps(x.val, y.val) // of keys that look alike: NaN, pointers
	})
	return pairs
}

// compare orders two keys of one map: numbers and strings by value, all others by
// their dump.
func compare(x, y reflect.Value) int {
	switch {
	case x.CanInt():
		return cmp.Compare(x.Int(), y.Int())
	case x.CanUint():
		return cmp.Compare(x.Uint(), y.Uint())
	case x.Kind() == reflect.String:
		return strings.Compare(x.String(), y.String())
	}
	return compareDumps(x, y)
}

func compareDumps(x, y reflect.Value) int {
	var p, q Printer
	return bytes.Compare(p.value(nil, x), q.value(nil, y))
}
