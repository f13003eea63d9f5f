//go:build unix

package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"dss.example/common/demo"
	"dss.example/common/kv"
)

const (
	kills    = 6               // of leaders under load
	outage   = 4 * time.Second // of a replica that is cut off
	pauses   = 2 * time.Second
	patience = time.Minute // of an operation that must be done
)

// lose does something to the leader and returns who it was, and how long it took until the
// others had committed a write that was asked after it.
func (s *stage) lose(ctx context.Context, harm func(leader int)) (leader int, over time.Duration, err error) {
	if leader, err = s.leader(ctx); err != nil {
		return 0, 0, err
	}
	c, err := open(ctx, patience, s.fronts(s.but(leader)...)...)
	if err != nil {
		return 0, 0, err
	}
	defer c.Close()
	typed := kv.NewClient(c)
	if _, err := typed.Put(ctx, "probe", []byte("before")); err != nil { // it has a session now
		return 0, 0, err
	}
	harm(leader)
	began := time.Now()
	_, err = typed.Put(ctx, "probe", []byte("after"))
	return leader, time.Since(began), err
}

// killLeaders kills one leader after the other, until enough were killed or the load is
// over. It tells step how far the load is.
func (s *stage) killLeaders(ctx context.Context, step *demo.Step, done <-chan struct{}) (overs []time.Duration, err error) {
	for range kills {
		leader, over, err := s.lose(ctx, s.kill)
		if err != nil {
			return nil, err
		}
		overs = append(overs, over)
		if err := s.start(ctx, leader); err != nil {
			return nil, err
		}
		if err := s.catchUp(ctx, leader); err != nil {
			return nil, err
		}
		if err := s.count(ctx, step); err != nil {
			return nil, err
		}
		select {
		case <-done:
			return overs, nil
		default:
		}
	}
	return overs, nil
}

// count tells step how many files are loaded.
func (s *stage) count(ctx context.Context, step *demo.Step) error {
	c, err := open(ctx, patience, s.fronts(s.running()...)...)
	if err != nil {
		return err
	}
	defer c.Close()
	stats, err := kv.NewClient(c).Stat(ctx, false)
	step.Add(int64(stats.Keys) - step.Count())
	return err
}

// pause stops a leader from running, and lets it go on.
func (s *stage) pause(ctx context.Context) error {
	step := s.Begin("pause the leader", 1, "leaders")
	defer step.End()
	leader, over, err := s.lose(ctx, func(id int) { s.replicas[id].process.Pause() })
	if err != nil {
		return err
	}
	select {
	case <-time.After(pauses):
	case <-ctx.Done():
		return ctx.Err()
	}
	s.replicas[leader].process.Resume()
	if err := s.catchUp(ctx, leader); err != nil {
		return err
	}
	step.Add(1)
	s.Row(overRow("a leader that stands still, and wakes up", "SIGSTOP", []time.Duration{over}))
	return nil
}

// cutOff lets nothing reach a leader any more, and asks it: it must refuse.
func (s *stage) cutOff(ctx context.Context) error {
	step := s.Begin("cut the leader off", 1, "leaders")
	defer step.End()
	cut := time.Now()
	leader, over, err := s.lose(ctx, func(id int) { cut = time.Now(); s.replicas[id].front.cut(outage) })
	if err != nil {
		return err
	}
	s.Row(overRow("a leader that nothing reaches", "a partition", []time.Duration{over}))
	row := demo.Row{What: "the one that is cut off is asked", Broken: "the same", Note: "refuses"}
	if row.Err = s.refuses(ctx, leader); time.Since(cut) > outage {
		row.Err, row.Note = nil, "not shown: the partition was over too soon"
	}
	s.Row(row)
	step.Add(1)
	return s.catchUp(ctx, leader)
}

// refuses asks a replica behind its proxy's back for what only a majority can tell.
func (s *stage) refuses(ctx context.Context, id int) error {
	c, err := open(ctx, 500*time.Millisecond, s.replicas[id].own())
	if err != nil {
		return err
	}
	defer c.Close()
	resp := c.Do(ctx, &kv.Request{Op: kv.Get{Key: "probe"}})
	if resp.Status != kv.Unavailable {
		return fmt.Errorf("a replica without a majority has answered: %v", resp)
	}
	resp = c.Do(ctx, &kv.Request{Level: kv.Eventual, Op: kv.Get{Key: "probe"}})
	if resp.Status != kv.OK {
		return fmt.Errorf("it refuses even what may be old: %v", resp)
	}
	return nil
}

// wipe empties a disk: the replica does not vote under its old name, until it joins.
func (s *stage) wipe(ctx context.Context) error {
	step := s.Begin("wipe a disk", 1, "disks")
	defer step.End()
	leader, err := s.leader(ctx)
	if err != nil {
		return err
	}
	id := s.but(leader)[0]
	s.kill(id)
	if err := s.wipeDisk(id); err != nil {
		return err
	}
	row := demo.Row{What: "a replica on an empty disk, without -join", Broken: "rm -r of its data", Note: "does not vote, names -join"}
	if err := s.start(ctx, id); err != nil {
		return err
	}
	wiped := s.replicas[id].process
	row.Err = s.await(ctx, "it does not name -join", func() bool { return strings.Contains(wiped.Tail(), "start with -join") })
	s.Row(row)
	s.kill(id)
	row = demo.Row{What: "the same with -join", Broken: "the same", Note: "has a vote again"}
	if err := s.start(ctx, id, "-join", s.replicas[leader].front.addr()); err != nil {
		return err
	}
	row.Err = s.catchUp(ctx, id)
	step.Add(1)
	s.Row(row)
	return nil
}

// replace lets a fourth replica take the place of another, while all go on.
func (s *stage) replace(ctx context.Context) error {
	step := s.Begin("replace a replica", 1, "replicas")
	defer step.End()
	leader, err := s.leader(ctx)
	if err != nil {
		return err
	}
	old := s.but(leader)[0]
	if err := s.join(ctx, 4); err != nil {
		return err
	}
	row := demo.Row{What: fmt.Sprintf("replica 4 took the place of %d, live", old), Note: "caught up, has a vote"}
	if row.Err = s.change(ctx, kv.Change{Add: 4, Remove: kv.ReplicaID(old)}); row.Err == nil {
		row.Err = s.catchUp(ctx, 4)
	}
	if row.Err == nil {
		row.Err = s.gone(ctx, old)
	}
	step.Add(1)
	s.Row(row)
	return nil
}

// change changes the group, as soon as the newcomer has caught up.
func (s *stage) change(ctx context.Context, change kv.Change) error {
	c, err := open(ctx, time.Second, s.fronts(s.but(int(change.Add))...)...)
	if err != nil {
		return err
	}
	defer c.Close()
	typed := kv.NewClient(c)
	var last error
	if err := s.await(ctx, "the group does not change", func() bool {
		last = typed.Change(ctx, change)
		return last == nil || isChanged(ctx, typed, change)
	}); err != nil {
		return fmt.Errorf("%w: %w", err, last)
	}
	return nil
}

// isChanged tells whether a change took effect whose outcome was not told.
func isChanged(ctx context.Context, c *kv.Client, change kv.Change) bool {
	g, err := c.Members(ctx)
	has := func(id kv.ReplicaID) bool {
		return slices.ContainsFunc(g.Members, func(m kv.Member) bool { return m.ID == id })
	}
	return err == nil && has(change.Add) && !has(change.Remove)
}

// gone waits until a replica that was removed has ended by itself.
func (s *stage) gone(ctx context.Context, id int) error {
	p := s.replicas[id].process
	select {
	case <-p.Done():
		s.replicas[id].lives(nil)
		return nil
	case <-time.After(late):
		return fmt.Errorf("replica %d was removed and goes on", id)
	case <-ctx.Done():
		return ctx.Err()
	}
}
