package dump

import (
	"reflect"
	"strconv"
	"strings"
)

// Lines returns the dump of v as lines "path: value", one for each field, map
// entry and element. Structs of at most four plain fields stay on one line. Which
// lines there are depends on types and keys only, so that [Change] of two Lines
// tells what changed and nothing else.
func Lines(v any) string {
	var w liner
	if v != nil {
		w.walk("", reflect.ValueOf(v))
	}
	return strings.Join(w.lines, "\n")
}

type liner struct {
	Printer
	lines []string
}

func (w *liner) leaf(path string, v reflect.Value) {
	b := append([]byte(path), ": "...)
	if path == "" {
		b = b[:0]
	}
	w.lines = append(w.lines, string(w.value(b, v)))
}

func (w *liner) walk(path string, v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		w.follow(path, v)
	case reflect.Struct:
		w.walkStruct(path, v)
	case reflect.Slice, reflect.Array:
		w.walkItems(path, v)
	case reflect.Map:
		w.walkMap(path, v)
	default:
		w.leaf(path, v)
	}
}

func (w *liner) follow(path string, v reflect.Value) {
	if v.IsNil() || v.Kind() == reflect.Interface {
		w.leaf(path, v)
		return
	}
	if ref, again := w.meet([]byte("&"), v); again {
		w.lines = append(w.lines, path+": "+string(ref))
		return
	}
	w.walk(path, v.Elem())
}

func (w *liner) walkStruct(path string, v reflect.Value) {
	if path != "" && plain(v.Type()) {
		w.leaf(path, v)
		return
	}
	if path != "" {
		path += "."
	}
	for _, f := range w.names(v.Type()) {
		w.walk(path+f.name, v.Field(f.at))
	}
}

func (w *liner) walkItems(path string, v reflect.Value) {
	if v.Len() == 0 || scalar(v.Type().Elem()) {
		w.leaf(path, v)
		return
	}
	for i := range v.Len() {
		w.walk(path+"["+strconv.Itoa(i)+"]", v.Index(i))
	}
}

func (w *liner) walkMap(path string, v reflect.Value) {
	if v.Len() == 0 {
		w.leaf(path, v)
		return
	}
	if ref, again := w.meet([]byte("map"), v); again {
		w.lines = append(w.lines, path+": "+string(ref))
		return
	}
	for _, e := range w.entries(v) {
		w.walk(path+"["+string(w.value(nil, e.key))+"]", e.val)
	}
}

// plain reports whether a struct fits on one line.
func plain(t reflect.Type) bool {
	if t.NumField() > 4 {
		return false
	}
	for i := range t.NumField() {
		if f := t.Field(i).Type; !scalar(f) && !(f.Kind() == reflect.Slice && scalar(f.Elem())) {
			return false
		}
	}
	return true
}

func scalar(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Struct, reflect.Slice, reflect.Array, reflect.Map, reflect.Pointer, reflect.Interface:
		return false
	}
	return true
}

// Change compares two results of [Lines] and returns what differs: "- old" and
// "+ new", a line's two values side by side, then what is new altogether. It is
// nil when nothing differs.
func Change(old, new string) []string {
	if old == new {
		return nil
	}
	was, is := paths(old), paths(new)
	var diff []string
	for _, line := range split(old) {
		now, kept := is[pathOf(line)]
		if kept && now == line {
			continue
		}
		diff = append(diff, "- "+line)
		if kept {
			diff = append(diff, "+ "+now)
		}
	}
	for _, line := range split(new) {
		if _, known := was[pathOf(line)]; !known {
			diff = append(diff, "+ "+line)
		}
	}
	return diff
}

func split(s string) []string {
	if s == "" {
		return nil
	}
	return strings.Split(s, "\n")
}

func paths(s string) map[string]string {
	lines := split(s)
	m := make(map[string]string, len(lines))
	for _, line := range lines {
		m[pathOf(line)] = line
	}
	return m
}

// pathOf returns a line up to the colon that ends its path. A key inside the path
// is quoted, and a colon in quotes ends nothing.
func pathOf(line string) string {
	quoted := false
	for i := 0; i < len(line); i++ {
		switch line[i] {
		case '\\':
			i++
		case '"':
			quoted = !quoted
		case ':':
			if !quoted && i+1 < len(line) && line[i+1] == ' ' {
				return line[:i]
			}
		}
	}
	return ""
}
