package checkpoint

import (
	"bytes"
	"fmt"
	"io"
	"iter"

	"dss.example/common/app"
	"dss.example/common/blob"
	"dss.example/p2-persist/chunk"
	"dss.example/p2-persist/file"
	"dss.example/p2-persist/object"
	"dss.example/p2-persist/tree"
)

// build puts a state, and what says what it is of.
func (k *Keeper) build(v app.View, c *Checkpoint) error {
	var saved size
	state, err := tree.Build(k.blobs, tree.Params{}, k.stored(v, &saved))
	if err != nil {
		return err
	}
	c.state = state.Root()
	c.root, err = object.Save(k.blobs, record{version, kind, c.Number, c.Seq, int64(c.Now), c.Oldest, c.Present, c.state})
	k.saved = saved
	return err
}

// chunks is the size of the pieces of a large value.
const chunks = 1 << 20

// stored puts the large values of a state into files, and adds up what it takes.
func (k *Keeper) stored(v app.View, sum *size) iter.Seq2[tree.Pair, error] {
	return func(yield func(tree.Pair, error) bool) {
		cutter, err := chunk.NewFixed(chunks)
		for key, value := range v.Pairs("") {
			p := tree.Pair{Key: []byte(key), Value: tree.Value{Bytes: value}}
			if err == nil && len(value) > tree.MaxValue {
				p.Value.Bytes = nil
				p.Value.Link, _, err = file.Write(k.blobs, bytes.NewReader(value), cutter)
			}
			sum.pairs++
			sum.bytes += int64(len(key) + len(value))
			if !yield(p, err) || err != nil {
				return
			}
		}
	}
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
