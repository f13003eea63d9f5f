package state

import (
	"encoding/binary"
	"errors"
	"fmt"

	"dss.example/common/cbor"
	"dss.example/common/kv"
	"dss.example/common/machine"

	"dss.example/p3-replication/bayou/proto"
	"dss.example/p3-replication/vector"
)

// Item is a client's value, and the writes that it comes from.
type Item struct {
	Mod    vector.Stamp // the last write of it
	Create vector.Stamp // the one that made the key
	Count  uint64       // writes since then, that one included
	Value  []byte
}

func (it *Item) appendTo(b []byte) []byte {
	b = cbor.AppendUint(it.Create.AppendTo(it.Mod.AppendTo(b)), it.Count)
	return cbor.AppendBytes(b, it.Value)
}

// size is as many bytes as appendTo appends, or a few more.
func (it *Item) size() int {
	const heads = 5 * 9 // of four numbers, with the arrays and names before them, and of the value
	return heads + len(it.Mod.Server) + len(it.Create.Server) + len(it.Value)
}

func decodeItem(b []byte) (it Item, err error) {
	r := cbor.NewReader(b)
	it.Mod = vector.ReadStamp(&r)
	it.Create = vector.ReadStampLike(&r, it.Mod.Server)
	it.Count, it.Value = r.Uint(), r.Bytes()
	if len(it.Value) > kv.MaxValue {
		r.Fail("a value of %d bytes: at most %d", len(it.Value), kv.MaxValue)
	}
	return it, r.Close()
}

// Conflict is a write whose check did not hold and for which nothing else was found.
type Conflict struct {
	ID     vector.Stamp
	Text   string         // why
	Update []proto.Change // what was wanted; of a large one without the values
}

// Bounds of conflicts.
const (
	MaxConflicts = 1000 // of more, the oldest are forgotten
	maxText      = 1 << 10
	maxShown     = 16 << 10 // bytes of an update whose values are kept
)

// errUnmerged is why a write without a merge procedure is a conflict.
var errUnmerged = errors.New("its check does not hold, and it has no merge procedure")

// shorten makes c fit the bounds.
func (c *Conflict) shorten() {
	c.Text = c.Text[:min(len(c.Text), maxText)]
	size := 0
	for i := range c.Update {
		size += len(c.Update[i].Value)
	}
	if size <= maxShown {
		return
	}
	keys := make([]proto.Change, len(c.Update))
	for i := range c.Update {
		keys[i] = proto.Change{Key: c.Update[i].Key, Delete: c.Update[i].Delete}
	}
	c.Update = keys
}

func (c *Conflict) appendTo(b []byte) []byte {
	b = cbor.AppendBytes(c.ID.AppendTo(b), []byte(c.Text))
	b = cbor.AppendArray(b, len(c.Update))
	for i := range c.Update {
		b = proto.AppendChange(b, &c.Update[i])
	}
	return b
}

func decodeConflict(b []byte) (c Conflict, err error) {
	r := cbor.NewReader(b)
	c.ID, c.Text = vector.ReadStamp(&r), r.Key()
	for n := r.Array(); n > 0 && r.Err() == nil; n-- {
		c.Update = append(c.Update, proto.ReadChange(&r))
	}
	if len(c.Text) > maxText || len(c.Update) > proto.MaxChanges {
		r.Fail("a conflict of %d bytes of text and %d changes", len(c.Text), len(c.Update))
	}
	return c, r.Close()
}

func decodePlace(b []byte) (proto.Place, error) {
	r := cbor.NewReader(b)
	p := proto.ReadPlace(&r)
	return p, r.Close()
}

// stampKey puts stamps in their order. The zero Stamp comes first.
func stampKey(s vector.Stamp) string {
	return string(binary.BigEndian.AppendUint64(nil, s.Time)) + string(s.Server)
}

// checkPair tells whether a pair that came from outside is one that a State makes.
func checkPair(p *proto.Pair) (err error) {
	switch rest := p.Key[min(len(p.Key), 1):]; {
	case len(p.Key) > 1 && p.Key[:1] == itemPrefix:
		_, err = decodeItem(p.Value)
	case len(p.Key) > 1 && p.Key[:1] == conflictPrefix:
		var c Conflict
		if c, err = decodeConflict(p.Value); err == nil && stampKey(c.ID) != rest {
			err = fmt.Errorf("a conflict of %s", c.ID)
		}
	case p.Key == primaryKey:
		if !vector.Server(p.Value).Valid() {
			err = vector.ErrServer
		}
	case len(p.Key) > 1 && p.Key[:1] == serverPrefix && vector.Server(rest).Valid():
		var place proto.Place
		if place, err = decodePlace(p.Value); err == nil && place.Node == machine.Node(0) {
			err = errors.New("a server at no node")
		}
	default:
		err = errors.New("no such key")
	}
	if err != nil {
		return fmt.Errorf("the pair %q: %w", p.Key, err)
	}
	return nil
}

// must is for pairs that this State has made or checked.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func mustItem(b []byte) Item         { return must(decodeItem(b)) }
func mustPlace(b []byte) proto.Place { return must(decodePlace(b)) }
func mustConflict(b []byte) Conflict { return must(decodeConflict(b)) }
