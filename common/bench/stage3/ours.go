package stage3

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"dss.example/common/kv"
	"dss.example/common/stable"

	"dss.example/p3-replication/bayou"
	"dss.example/p3-replication/bayou/proto"
	"dss.example/p3-replication/vector"

	"dss.example/common/bench/harness"
	"dss.example/common/bench/load"
)

// driveBayou measures ours under each load.
func driveBayou(place string, t harness.Turn) (*load.Report, error) {
	switch t.Load {
	case visible, loss:
		return driveFive(place, t)
	case replay:
		return driveReplay(place, t)
	}
	return driveMeetings(func(_ string, writes int) (pair, error) { return openOurs(2, writes) })(place, t)
}

// ours is two replicas that have not met since they were born.
type ours struct {
	*sites
	opens   chan struct{} // closed when they may speak
	sides   []int         // their places
	tokens  [][]byte      // what each side's session has written
	missing int           // bytes of all writes
}

const fillCallers = 64

// openOurs makes a pair of the last two of so many replicas; others have only seen their birth.
func openOurs(replicas, writes int) (*ours, error) {
	logs := make([]stable.Log, replicas)
	for i := range logs {
		logs[i] = stable.NewMemory()
	}
	s, err := born(logs)
	if err != nil {
		return nil, err
	}
	o := &ours{sites: s, opens: make(chan struct{}), sides: s.each()[replicas-2:]}
	if err := s.start(life{dial: cut, tune: silent}, o.sides...); err != nil {
		return nil, err
	}
	for _, i := range o.sides {
		token, size, err := s.all[i].fill(i, writes)
		if err != nil {
			return nil, errors.Join(err, s.Close())
		}
		o.tokens = append(o.tokens, token)
		o.missing += size
	}
	if err := s.Close(); err != nil {
		return nil, err
	}
	return o, s.start(life{dial: closed(o.opens)}, o.sides...)
}

// fill has a replica accept writes, and returns what a session knows that has made the last
// one, and the bytes of all as they are encoded.
func (s *site) fill(side, writes int) (token []byte, size int, err error) {
	name := s.Report().Name
	var next, bytes atomic.Int64
	put := func(c *kv.Client, i int) error {
		w := proto.Write{Kind: proto.Update, Update: []proto.Change{{Key: key(side, i), Value: make([]byte, valueBytes)}}}
		rev, err := c.Put(context.Background(), w.Update[0].Key, w.Update[0].Value)
		w.ID = vector.Stamp{Time: rev.Hi, Server: name}
		bytes.Add(int64(encoded(w)))
		return err
	}
	errs := make([]error, fillCallers)
	var fillers sync.WaitGroup
	for k := range errs {
		fillers.Go(func() {
			for i := int(next.Add(1)); i < writes && errs[k] == nil; i = int(next.Add(1)) {
				errs[k] = put(s.client(), i)
			}
		})
	}
	fillers.Wait()
	last := s.client()
	err = errors.Join(errors.Join(errs...), put(last, 0))
	return last.Token(), int(bytes.Load()), err
}

// encoded returns the bytes of a write in a message.
func encoded(w proto.Write) int {
	const kind = 1 // of the record: a message of many writes has it once
	return len(proto.Learned{Write: w}.AppendTo(nil)) - kind
}

// Meet implements pair.
func (o *ours) Meet() error {
	close(o.opens)
	errs := make([]error, len(o.sides))
	var seeing sync.WaitGroup
	for k, i := range o.sides {
		seeing.Go(func() { errs[k] = o.all[i].sees(o.tokens[1-k]) })
	}
	seeing.Wait()
	return errors.Join(errs...)
}

// Agree implements pair.
func (o *ours) Agree() (moved float64, err error) {
	if err := o.settled(); err != nil {
		return 0, err
	}
	for _, i := range o.sides {
		moved += float64(o.all[i].Peers().Stats().BytesOut)
	}
	return moved / float64(o.missing), o.same()
}

// settled waits until nothing is tentative, if the primary takes part.
func (o *ours) settled() error {
	if o.sides[0] != 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), seenWithin)
	defer cancel()
	for _, i := range o.sides {
		r, err := o.all[i].Await(ctx, func(r bayou.Report) bool { return r.Tentative == 0 })
		if err != nil {
			return fmt.Errorf("%w: %d writes are tentative", errDiffer, r.Tentative)
		}
	}
	return nil
}

// same compares the hashes of all that both show.
func (o *ours) same() error {
	var hashes [][]byte
	for _, i := range o.sides {
		stats, err := o.all[i].client().Stat(context.Background(), true)
		if err != nil {
			return err
		}
		hashes = append(hashes, stats.Hash)
	}
	if !slices.Equal(hashes[0], hashes[1]) {
		return fmt.Errorf("%w: hashes %x and %x", errDiffer, hashes[0], hashes[1])
	}
	return nil
}
