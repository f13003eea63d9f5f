package procedure

import (
	"errors"
	"fmt"
	"math"

	"go.starlark.net/starlark"
)

// Limits are the ceilings of one run. They are part of the protocol: replicas that differ in
// one of them disagree on what a write does, and stay apart for ever. A ceiling is counted in
// what a program does, never in seconds or in bytes of the process.
type Limits struct {
	Steps       uint64 // instructions of the interpreter, and work of built-in functions in the same unit
	Memory      int    // bytes of all values that are made, whether or not still in use; at most 1 GiB
	Reads       int    // keys looked up or scanned
	Changes     int    // distinct keys put or deleted
	ChangeBytes int    // of their keys and values together
	Source      int    // bytes of a program
}

// Standard is what all replicas use. A run within it takes about a tenth of a second of one
// core at the most, and grows the process by less than 32 MiB, whatever the program does.
func Standard() Limits {
	return Limits{
		Steps:       100_000,
		Memory:      4 << 20,
		Reads:       10_000,
		Changes:     256,
		ChangeBytes: 1 << 20,
		Source:      16 << 10,
	}
}

// What a value is charged beside its bytes. They are a little above what the widest machine
// takes for it, and the same on all machines.
const (
	header = 64  // anything that is made: a text, a list, a bound method
	slot   = 32  // a place in a list or tuple; lists grow by copying
	entry  = 192 // a place in a dict
)

// wordBytes is how much text is compared, hashed or searched in the time of a step.
const wordBytes = 64

// topLevelShare is the part of Memory that the statements outside of functions may use: what
// they make stays as long as the program is kept.
const topLevelShare = 16

// meter counts what a run has used. After the first ceiling that is exceeded it refuses all.
type meter struct {
	limits Limits
	thread *starlark.Thread // its Steps are the count of steps
	memory int
	reads  int
	over   error // the ceiling that was exceeded; nil: none
}

// grow charges n bytes by which a value is about to grow.
func (m *meter) grow(n int) error {
	if n > m.limits.Memory-m.memory || n < 0 {
		return m.exceed("memory: a run may make %d bytes of values", m.limits.Memory)
	}
	m.memory += n
	return m.over
}

// make charges a value of n bytes that is about to be made.
func (m *meter) make(n int) error {
	if n > m.limits.Memory {
		return m.grow(n)
	}
	return m.grow(n + header)
}

// makeEach charges a value of n parts of size bytes each.
func (m *meter) makeEach(n, size int) error {
	if n > 0 && size > math.MaxInt32/n {
		return m.grow(math.MaxInt32) // more than any limit
	}
	return m.make(n * size)
}

// work charges n steps of a built-in function that are about to be taken.
func (m *meter) work(n int) error {
	if n < 0 || uint64(n) >= m.limits.Steps-min(m.limits.Steps, m.thread.Steps) {
		return m.exceed("steps: a run may take %d", m.limits.Steps)
	}
	m.thread.Steps += uint64(n)
	return m.over
}

// text charges the work of reading n bytes of text.
func (m *meter) text(n int) error { return m.work(n / wordBytes) }

// read charges a key that is looked up.
func (m *meter) read() error {
	if m.reads++; m.reads > m.limits.Reads {
		return m.exceed("reads: a run may read %d keys", m.limits.Reads)
	}
	return m.over
}

func (m *meter) exceed(format string, args ...any) error {
	if m.over == nil {
		m.over = fmt.Errorf(format, args...)
	}
	return m.over
}

// maxDeep is how deep values may be nested that are compared, hashed, printed or encoded.
const maxDeep = 8

var errDeep = errors.New("a value is nested deeper than 8")

// walk charges the work of comparing or hashing a value: a step for each value in it, as
// often as it is met. A value may hold another in many places, so that it is far larger to
// walk than to keep.
func (m *meter) walk(v starlark.Value) error { return m.walkFrom(v, 0) }

func (m *meter) walkFrom(v starlark.Value, depth int) error {
	if depth > maxDeep {
		return errDeep
	}
	switch v := v.(type) {
	case starlark.String:
		return m.work(1 + len(v)/wordBytes)
	case change:
		return m.work(1 + (len(v.key)+len(v.value))/wordBytes)
	case starlark.Tuple:
		return m.walkAll(v, depth)
	case *starlark.List:
		return m.walkAll(v, depth)
	case *starlark.Dict:
		for key, value := range v.Entries() {
			if err := m.walkFrom(key, depth+1); err != nil {
				return err
			}
			if err := m.walkFrom(value, depth+1); err != nil {
				return err
			}
		}
	}
	return m.work(1)
}

func (m *meter) walkAll(v starlark.Indexable, depth int) error {
	for i := range v.Len() {
		if err := m.walkFrom(v.Index(i), depth+1); err != nil {
			return err
		}
	}
	return m.work(1)
}
