package past

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"sync"

	"dss.example/common/app"
	"dss.example/common/kv"
	"dss.example/common/machine"
	"dss.example/p2-persist/durable"
)

// past is a machine that stands at an old record. One goroutine has it at a time.
type past struct {
	machine  *durable.Machine
	inside   Inside
	seq      uint64 // of the last record that it has stepped through
	replayed int64  // bytes of the records that it has stepped through
	out      machine.Out
}

// errThere ends a reading of the log: the past is where it should be.
var errThere = errors.New("there")

// goOn steps through the records of the log until the past knows a revision.
func (p *past) goOn(ctx context.Context, c Config, rev uint64) error {
	if p.knows(rev) {
		return nil
	}
	err := c.Read(p.seq+1, c.Journal.Synced(), func(seq uint64, b []byte) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		record, err := c.Protocol.Record(b)
		if err != nil {
			return fmt.Errorf("record %d: %w", seq, err)
		}
		p.out.Reset()
		p.machine.Step(machine.In{Event: machine.Load{Seq: seq, Record: record}}, &p.out)
		p.seq = seq
		p.replayed += int64(len(b))
		if p.knows(rev) {
			return errThere
		}
		return nil
	})
	switch {
	case err == nil:
		return fmt.Errorf("the log ends with record %d before revision %d", p.seq, rev)
	case errors.Is(err, errThere):
		return nil
	}
	return err
}

// knows reports whether the past has come as far as a revision. Before the first record ever,
// its birth, it must not even be asked: what is born of a question would be another machine.
func (p *past) knows(rev uint64) bool {
	_, present := p.inside.Revisions()
	return p.seq > 0 && rev <= present
}

// ask has a read answered, which no past parks.
func (p *past) ask(req *kv.Request) *kv.Response {
	p.out.Reset()
	p.machine.Step(machine.In{Event: machine.Ask{ID: askID, Cmd: req}}, &p.out)
	for _, a := range p.out.Reply {
		if resp, ok := a.Data.(*kv.Response); ok && a.ID == askID {
			return resp
		}
	}
	return kv.Refuse(kv.Unavailable, "%s at revision %s has no answer", kv.OpName(req.Op), req.At)
}

// askID is a number that no Ask of a log has: those count from 1.
const askID = 1<<64 - 1

// Rough sizes, in bytes.
const (
	perKey    = 256 // what a key takes beside its bytes
	perRecord = 2   // what remembering a change takes, as a factor of its record
)

// size tells roughly how many bytes of memory the past takes.
func (p *past) size() int64 {
	stats, _ := p.ask(&kv.Request{Op: kv.Stat{}}).Result.(kv.Stats)
	return int64(stats.Bytes+perKey*stats.Keys) + perRecord*p.replayed
}

// until ends pairs with the context's error.
func until(ctx context.Context, pairs iter.Seq2[app.Pair, error]) iter.Seq2[app.Pair, error] {
	return func(yield func(app.Pair, error) bool) {
		for p, err := range pairs {
			if err == nil {
				err = ctx.Err()
			}
			if !yield(p, err) || err != nil {
				return
			}
		}
	}
}

// cache keeps pasts that nobody reads at the moment.
type cache struct {
	open  int
	bytes int64

	mu   sync.Mutex // guards what follows
	kept []kept     // the one that was read last comes last
}

// kept is a past with its size.
type kept struct {
	*past
	size int64
}

// take takes a past out that knows a revision, or else the one that has the fewest records to
// go to it; nil if all of them have more to go than one that begins at record seq.
func (c *cache) take(rev, seq uint64) *past {
	c.mu.Lock()
	defer c.mu.Unlock()
	best := -1
	for i, p := range c.kept {
		oldest, _ := p.inside.Revisions()
		switch {
		case rev < oldest:
		case p.knows(rev):
			best = i
		case p.seq >= seq && (best < 0 || !c.kept[best].knows(rev) && p.seq > c.kept[best].seq):
			best = i
		}
	}
	if best < 0 {
		return nil
	}
	p := c.kept[best].past
	c.kept = slices.Delete(c.kept, best, best+1)
	return p
}

// put keeps a past for the next reader, and lets go of those that were read longest ago: as
// many as it takes to stay within the bounds, itself in the end.
func (c *cache) put(p *past) {
	size := p.size()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.kept = append(c.kept, kept{p, size})
	sum := int64(0)
	for _, k := range c.kept {
		sum += k.size
	}
	for len(c.kept) > c.open || sum > c.bytes {
		sum -= c.kept[0].size
		c.kept = slices.Delete(c.kept, 0, 1)
	}
}
