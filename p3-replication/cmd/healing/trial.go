package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"dss.example/common/kv"
	"dss.example/common/machine"
	"dss.example/common/sim"

	"dss.example/p3-replication/bayou"
	"dss.example/p3-replication/bayou/state"
)

// The servers of the first table: the first is the primary.
const (
	servers = 5
	west    = 2
)

const valueBytes = 100 // of each write

// The times of a trial.
const (
	grace = 600 * machine.Second     // after which servers that are not equal never will be
	look  = machine.Millisecond      // between two looks whether they are
	pause = 50 * machine.Millisecond // without writes, before the partition ends
)

var errUnequal = errors.New("the servers do not come to the same")

// trial is a partition.
type trial struct {
	servers, west int
	each          []int         // writes that each server takes in the partition
	every         time.Duration // between two of a server
	seed          uint64
}

// result is what its end has cost.
type result struct {
	rate      int           // writes a second, on each side; 0: as fast as they can
	length    time.Duration // of the partition
	near, far int           // writes on the side of the primary, and on the other
	back      uint64        // rolled back, at all servers
	again     uint64        // done, replays included
	sessions  uint64
	transfers uint64
	messages  int
	bytes     int
	brought   int // writes that servers lacked, at each of them
	payload   int // bytes of their keys and values
	took      machine.Time
}

// run parts the servers, lets both sides write, and heals.
func (t *trial) run() (r result, err error) {
	n := &network{servers: make([]*bayou.Server, t.servers), west: t.west}
	d := sim.NewDriver(n.world(), t.seed)
	defer d.Close()
	if err := await(d, n.formed); err != nil {
		return r, err
	}
	n.cut = true
	if err := t.write(d, &r); err != nil {
		return r, err
	}
	d.Sleep(pause)
	before := n.costs()
	n.cut, n.counting = false, true
	began := d.Now()
	if err := await(d, n.equal); err != nil {
		return r, err
	}
	r.took, r.messages, r.bytes = d.Now()-began, n.messages, n.bytes
	for i, c := range n.costs() {
		r.back += c.Undone - before[i].Undone
		r.again += c.Done - before[i].Done
		r.sessions += c.Sessions - before[i].Sessions
		r.transfers += c.Transfers - before[i].Transfers
	}
	return r, errors.Join(n.same(), d.Err())
}

// mean runs a trial as often as said, from seed to seed, and returns the means of what was counted.
func (t *trial) mean(trials int) (mean result, err error) {
	for range trials {
		r, err := t.run()
		if err != nil {
			return mean, fmt.Errorf("seed %d: %w", t.seed, err)
		}
		mean.add(r)
		t.seed++
	}
	n := uint64(trials)
	mean.near, mean.far, mean.brought, mean.payload = mean.near/trials, mean.far/trials, mean.brought/trials, mean.payload/trials
	mean.back, mean.again, mean.sessions, mean.transfers = mean.back/n, mean.again/n, mean.sessions/n, mean.transfers/n
	mean.messages, mean.bytes, mean.took = mean.messages/trials, mean.bytes/trials, mean.took/machine.Time(trials)
	return mean, nil
}

func (r *result) add(o result) {
	r.near, r.far, r.brought, r.payload = r.near+o.near, r.far+o.far, r.brought+o.brought, r.payload+o.payload
	r.back, r.again, r.sessions, r.transfers = r.back+o.back, r.again+o.again, r.sessions+o.sessions, r.transfers+o.transfers
	r.messages, r.bytes, r.took = r.messages+o.messages, r.bytes+o.bytes, r.took+o.took
}

// await lets time pass until something holds.
func await(d *sim.Driver, holds func() bool) error {
	for end := d.Now() + grace; !holds(); d.Sleep(look) {
		if d.Now() > end || d.Err() != nil {
			return errors.Join(errUnequal, d.Err())
		}
	}
	return nil
}

// formed tells whether all servers were born, and know it.
func (n *network) formed() bool {
	return n.equal() && n.servers[0].Report().Commit >= uint64(len(n.servers))
}

// write lets every server take its writes, to keys of its own.
func (t *trial) write(d *sim.Driver, r *result) (err error) {
	began := d.Now()
	d.Parallel(t.servers, func(i int) {
		at := machine.Addr{Node: machine.Node(i + 1), Role: role}
		for k := range t.each[i] {
			op := kv.Put{Key: fmt.Sprintf("server %d, write %06d", i+1, k), Value: make([]byte, valueBytes)}
			if resp, ok := d.Ask(at, &kv.Request{Op: op}).(*kv.Response); !ok || resp.Status != kv.OK {
				err = fmt.Errorf("server %d does not take a write: %v", i+1, resp)
				return
			}
			lacking := t.servers - t.west
			if i < t.west {
				r.near++
			} else {
				r.far++
				lacking = t.west
			}
			r.brought += lacking
			r.payload += lacking * (len(op.Key) + valueBytes)
			if next := began + machine.Time(t.every)*machine.Time(k+1); next > d.Now() {
				d.Sleep(next - d.Now())
			}
		}
	})
	return err
}

// same compares what the servers have come to.
func (n *network) same() error {
	for i, s := range n.servers {
		if s.Hash(state.Full) != n.servers[0].Hash(state.Full) {
			return fmt.Errorf("%w: server %d has another hash", errUnequal, i+1)
		}
	}
	return nil
}

// measureLengths measures partitions, each twice as long as the one before.
func measureLengths(ctx context.Context, o *options) (all []result, err error) {
	for _, rate := range o.rates {
		for length := time.Second; length <= o.longest; length *= 2 {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			t := trial{servers: servers, west: west, each: share(rate, length), seed: o.seed}
			t.every = length / time.Duration(max(t.each[0], 1))
			r, err := t.mean(o.trials)
			if err != nil {
				return nil, fmt.Errorf("a partition of %v, %d writes a second: %w", length, rate, err)
			}
			r.rate, r.length = rate, length
			all = append(all, r)
		}
	}
	return all, nil
}

// share is how many writes each server takes, so that each side has as many a second.
func share(rate int, length time.Duration) []int {
	total := rate * int(length/time.Second)
	each := make([]int, servers)
	for i := range each {
		side, first := west, 0
		if i >= west {
			side, first = servers-west, west
		}
		each[i] = (total + side - 1 - (i - first)) / side
	}
	return each
}

// measureInterleaved lets two servers write by turns, and meet.
func measureInterleaved(ctx context.Context, o *options) (all []result, err error) {
	for m := minMost; m <= o.most; m *= 2 {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		t := trial{servers: 2, west: 1, each: []int{m / 2, m / 2}, seed: o.seed}
		r, err := t.mean(o.trials)
		if err != nil {
			return nil, fmt.Errorf("%d interleaved writes: %w", m, err)
		}
		all = append(all, r)
	}
	return all, nil
}
