// Package checkpoint keeps the states of a durable machine as trees of blobs, each a
// snapshot on a branch: what did not change between two of them is stored once, older
// states stay readable, and the log before the newest one can go.
//
// A value of up to tree.MaxValue bytes stands in the tree; a larger one is a file that
// the tree links to.
package checkpoint

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
	"time"

	"dss.example/common/app"
	"dss.example/common/blob"
	"dss.example/common/machine"
	"dss.example/p2-persist/chunk"
	"dss.example/p2-persist/durable"
	"dss.example/p2-persist/file"
	"dss.example/p2-persist/history"
	"dss.example/p2-persist/object"
	"dss.example/p2-persist/tree"
)

// Branch is where checkpoints stand.
const Branch = "checkpoints"

// ErrMalformed is a snapshot on the branch that is no checkpoint.
var ErrMalformed = errors.New("not a checkpoint")

const (
	kind    = "checkpoint"
	version = 1
)

// record is the root of a checkpoint.
type record struct {
	Version uint64  `cbor:"v"`
	Kind    string  `cbor:"kind"`
	Seq     uint64  `cbor:"seq"`
	Now     int64   `cbor:"now"`
	State   blob.ID `cbor:"state"`
}

// Keeper keeps checkpoints in a store of blobs. One goroutine uses it at a time.
type Keeper struct {
	blobs   blob.Store
	history history.History
	tip     blob.ID // the newest one; zero: there is none
}

// Open returns the Keeper of a store and the newest checkpoint, nil if there is none. Its
// pairs are read while they are asked for. Errors: those of the store and the heads;
// ErrMalformed.
func Open(blobs blob.Store, heads history.Heads) (*Keeper, *durable.Snapshot, error) {
	k := &Keeper{blobs: blobs, history: history.New(blobs, heads)}
	var err error
	switch k.tip, err = k.history.Resolve(Branch, time.Unix(0, math.MaxInt64)); {
	case errors.Is(err, history.ErrUnknown):
		return k, nil, nil
	case err != nil:
		return nil, nil, fmt.Errorf("the newest checkpoint: %w", err)
	}
	s, err := k.Load(k.tip)
	if err != nil {
		return nil, nil, err
	}
	return k, s, nil
}

// Load returns the checkpoint of a snapshot.
func (k *Keeper) Load(id blob.ID) (*durable.Snapshot, error) {
	s, err := history.Load(k.blobs, id)
	if err != nil {
		return nil, fmt.Errorf("checkpoint %v: %w", id, err)
	}
	var r record
	switch err := object.Load(k.blobs, s.Root, &r); {
	case errors.Is(err, object.ErrInvalid), errors.Is(err, object.ErrMismatch):
		return nil, fmt.Errorf("checkpoint %v: %w: %w", id, ErrMalformed, err)
	case err != nil:
		return nil, fmt.Errorf("checkpoint %v: %w", id, err)
	case r.Kind != kind || r.Version != version:
		return nil, fmt.Errorf("checkpoint %v: %w: %.20q version %d, want %q version %d", id, ErrMalformed, r.Kind, r.Version, kind, version)
	}
	t, err := tree.Open(k.blobs, r.State)
	if err != nil {
		return nil, fmt.Errorf("checkpoint %v: %w", id, err)
	}
	return &durable.Snapshot{Seq: r.Seq, Now: machine.Time(r.Now), Pairs: k.pairs(t)}, nil
}

// pairs reads a state.
func (k *Keeper) pairs(t tree.Tree) iter.Seq2[app.Pair, error] {
	return func(yield func(app.Pair, error) bool) {
		for p, err := range t.Range(nil, nil) {
			value := p.Value.Bytes
			if err == nil && !p.Value.Link.IsZero() {
				value, err = k.large(p.Value.Link)
			}
			if err != nil {
				yield(app.Pair{}, err)
				return
			}
			if !yield(app.Pair{Key: string(p.Key), Value: value}, nil) {
				return
			}
		}
	}
}

// maxLarge bounds a value: that of a store, with what a state keeps beside it.
const maxLarge = 16 << 20

// large reads a value that is a file.
func (k *Keeper) large(id blob.ID) ([]byte, error) {
	f, err := file.Open(k.blobs, id)
	if err != nil {
		return nil, err
	}
	if f.Size() > maxLarge {
		return nil, fmt.Errorf("%w: a value of %d bytes, at most %d", ErrMalformed, f.Size(), maxLarge)
	}
	b := make([]byte, f.Size())
	_, err = io.ReadFull(f, b)
	return b, err
}

// Save keeps a state, taken at the given time, and returns its snapshot. It is durable
// then, and the machine may be told so (durable.Kept). Errors: those of the store and the
// heads; history.ErrConflict if somebody else has moved the branch.
func (k *Keeper) Save(t durable.Taken, at time.Time) (blob.ID, error) {
	if t.View == nil {
		return blob.ID{}, fmt.Errorf("checkpoint: there is no state: %s", t.Refused)
	}
	state, err := tree.Build(k.blobs, tree.Params{}, k.stored(t.View))
	if err != nil {
		return blob.ID{}, fmt.Errorf("checkpoint: %w", err)
	}
	root, err := object.Save(k.blobs, record{version, kind, t.Seq, int64(t.Now), state.Root()})
	if err != nil {
		return blob.ID{}, fmt.Errorf("checkpoint: %w", err)
	}
	s := history.Snapshot{Root: root, Time: at.UnixNano(), Author: "kvd", Message: fmt.Sprintf("the state after record %d", t.Seq)}
	if !k.tip.IsZero() {
		s.Parents = []blob.ID{k.tip}
	}
	id, err := k.history.Commit(Branch, s)
	if err != nil {
		return blob.ID{}, fmt.Errorf("checkpoint: %w", err)
	}
	k.tip = id
	return id, nil
}

// chunks is the size of the pieces of a large value.
const chunks = 1 << 20

// stored puts the large values of a state into files.
func (k *Keeper) stored(v app.View) iter.Seq2[tree.Pair, error] {
	return func(yield func(tree.Pair, error) bool) {
		cutter, err := chunk.NewFixed(chunks)
		for key, value := range v.Pairs("") {
			p := tree.Pair{Key: []byte(key), Value: tree.Value{Bytes: value}}
			if err == nil && len(value) > tree.MaxValue {
				p.Value.Bytes = nil
				p.Value.Link, _, err = file.Write(k.blobs, bytes.NewReader(value), cutter)
			}
			if !yield(p, err) || err != nil {
				return
			}
		}
	}
}
