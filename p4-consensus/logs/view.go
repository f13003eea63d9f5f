package logs

import (
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"slices"

	"dss.example/common/app"
	"dss.example/common/cbor"
	"dss.example/common/loglet"
	"dss.example/common/machine"

	"dss.example/p4-consensus/paxos"
)

// The first bytes of the keys of a View, in its order.
const (
	pairBatch = 'b' // and its first position, big-endian
	pairMeta  = 'm'
)

// maxPos bounds positions that are loaded, so that they can be counted on from there.
const maxPos = 1 << 62

// View implements app.App, in O(1). It may be read while the table goes on, from any
// goroutine. A batch is one pair.
func (t *Table) View() app.View {
	return &view{state{trimmed: t.trimmed, last: t.last, sealed: t.sealed, batches: *t.batches.Copy()}}
}

type view struct{ state }

// Pairs implements app.View. Each value has memory of its own.
func (v *view) Pairs(from string) iter.Seq2[string, []byte] {
	return func(yield func(string, []byte) bool) {
		more := true
		v.batches.Ascend(firstBatch(from), func(first loglet.Pos, b *batch) bool {
			key := batchKey(first)
			more = key < from || yield(key, appendBatch(nil, b.streams, b.bodies))
			return more
		})
		if more && string(pairMeta) >= from {
			meta := appendNumbers(nil, uint64(v.trimmed), uint64(v.last))
			yield(string(pairMeta), cbor.AppendBool(meta, v.sealed))
		}
	}
}

// firstBatch returns where to begin among batches so that none is left out whose key is not
// less.
func firstBatch(from string) loglet.Pos {
	switch {
	case from == "" || from[0] < pairBatch:
		return 0
	case from[0] > pairBatch:
		return ^loglet.Pos(0)
	}
	var b [8]byte
	copy(b[:], from[1:])
	return loglet.Pos(binary.BigEndian.Uint64(b[:]))
}

func batchKey(first loglet.Pos) string {
	return string(binary.BigEndian.AppendUint64([]byte{pairBatch}, uint64(first)))
}

var errState = errors.New("no state of a log")

// Load implements app.App. It refuses pairs that no View has.
func (t *Table) Load(pairs iter.Seq2[string, []byte]) error {
	var fresh Table
	last, meta := "", false
	for key, value := range pairs {
		if key <= last {
			return fmt.Errorf("%w: key %q after %q", errState, key, last)
		}
		last = key
		meta = meta || key == string(pairMeta)
		if err := fresh.loadPair(key, value); err != nil {
			return fmt.Errorf("%w: pair %q: %w", errState, key, err)
		}
	}
	if !meta {
		return fmt.Errorf("%w: no pair %q", errState, pairMeta)
	}
	if err := fresh.check(); err != nil {
		return fmt.Errorf("%w: %w", errState, err)
	}
	*t = fresh
	return nil
}

func (t *Table) loadPair(key string, value []byte) error {
	r := cbor.NewReader(slices.Clone(value)) // which is kept
	switch {
	case key[0] == pairBatch && len(key) == 9:
		t.put(firstBatch(key), &batch{readStreams(&r), readBodies(&r)})
	case key == string(pairMeta):
		t.trimmed, t.last, t.sealed = loglet.Pos(r.Uint()), loglet.Pos(r.Uint()), r.Bool()
	default:
		r.Fail("no such key")
	}
	return r.Close()
}

// check finds what no pair can say alone.
func (t *Table) check() (err error) {
	if t.trimmed > t.last || t.last > maxPos {
		return fmt.Errorf("%d positions of which %d are trimmed", t.last, t.trimmed)
	}
	if t.held > MaxHeld {
		return fmt.Errorf("%d bytes, at most %d", t.held, MaxHeld)
	}
	next := t.trimmed + 1
	t.batches.Scan(func(first loglet.Pos, b *batch) bool {
		begins := first == next || first < next && next == t.trimmed+1 && first > 0 // the first may be trimmed in part
		if !begins || b.end(first) <= next {
			err = fmt.Errorf("%d entries from %d on, where %d is next", len(b.bodies), first, next)
		}
		next = b.end(first)
		return err == nil
	})
	if err == nil && next != t.last+1 {
		err = fmt.Errorf("entries before %d, the tail is %d", next, t.last+1)
	}
	return err
}

var (
	_ paxos.Service = (*Table)(nil)
	_ machine.Data  = (*Answer)(nil)
)
