//go:build unix

package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"dss.example/common/demo"
	"dss.example/common/demo/group"
	"dss.example/common/kv"
)

const (
	forEver = 24 * time.Hour         // lasts a cut that is ended by healing
	shortly = 500 * time.Millisecond // of travels before the partition
	outage  = time.Second            // of who was killed, or stands still
	atLeast = 10 * time.Second       // lasts the partition, so that much is tentative
	enough  = 20                     // entries that only one replica has before it is killed
)

// parting is what the partition has left to judge.
type parting struct {
	ledger  *ledger
	travels *travels
	crossed *traveller
	before  [replicas + 1]int // entries that each replica had acknowledged when it began
	began   time.Time
	lasted  time.Duration
}

// part cuts the west off from the others, while all go on writing.
func (s *stage) part(ctx context.Context) (p *parting, err error) {
	p = &parting{}
	if p.travels, err = s.depart(ctx); err != nil {
		return nil, err
	}
	s.onClose(p.travels.close)
	if p.ledger, err = s.keep(ctx); err != nil {
		return nil, err
	}
	defer p.ledger.stop()
	p.travels.travel(ctx, after(shortly), func(int) []int { return anybody })
	p.travels.travel(ctx, after(shortly), home) // or its side may lack what a session has seen
	p.cut(s)
	quit := make(chan struct{})
	var moving sync.WaitGroup
	moving.Go(func() { p.travels.travel(ctx, quit, home) })
	err = s.parted(ctx, p)
	close(quit)
	moving.Wait()
	return p, err
}

// home is where a traveller goes during the partition: on one side, and not where one is killed.
func home(traveller int) []int { return [][]int{west, {3, booker}}[traveller%2] }

func (p *parting) cut(s *stage) {
	s.Say("from now on nothing passes between the west (replicas 1 and 2) and the others")
	s.group.Cut(forEver, west...)
	p.began = time.Now()
	for _, id := range anybody {
		p.before[id] = len(p.ledger.acked(id))
	}
}

// parted is what happens during the partition.
func (s *stage) parted(ctx context.Context, p *parting) (err error) {
	if err := s.both(ctx); err != nil {
		return err
	}
	if err := s.tellBookings(ctx); err != nil {
		return err
	}
	if err := s.pauseOne(ctx, p); err != nil {
		return err
	}
	if err := s.killOne(ctx, p); err != nil {
		return err
	}
	if p.crossed, err = s.cross(ctx, p.travels); err != nil {
		return err
	}
	step := s.Begin("both sides go on writing", 0, "seconds")
	defer step.End()
	return s.wait(ctx, atLeast-time.Since(p.began))
}

// both lets both sides book rooms while files are loaded at both.
func (s *stage) both(ctx context.Context) error {
	var side sync.WaitGroup
	var errs [2]error
	side.Go(func() { errs[0] = s.bookWest(ctx) })
	side.Go(func() { errs[1] = s.bookOthers(ctx) })
	err := s.load(ctx, "on both sides of a partition", loading{"runtime", 1}, loading{"internal", 3})
	side.Wait()
	return errors.Join(err, errs[0], errs[1])
}

// pauseOne lets a replica stand still for a while. To others it is as if it were far away.
func (s *stage) pauseOne(ctx context.Context, p *parting) error {
	count := func(id int) int { return len(p.ledger.acked(id)) }
	others := count(primary)
	s.group.Pause(sleeper)
	stood := count(sleeper)
	err := s.wait(ctx, outage)
	s.group.Resume(sleeper)
	if err != nil {
		return err
	}
	row := demo.Row{What: fmt.Sprintf("replica %d stood still for %v", sleeper, outage), Broken: "SIGSTOP", Note: "the others went on; so does it"}
	if count(primary) == others {
		row.Err = fmt.Errorf("replica %d has acknowledged nothing meanwhile", primary)
	}
	row.Err = errors.Join(row.Err, group.Await(ctx, fmt.Sprintf("replica %d does not go on", sleeper), func() bool {
		return count(sleeper) > stood+1 // one may have been on its way
	}))
	s.Row(row)
	return ctx.Err()
}

func (s *stage) wait(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// killOne kills a replica that was cut off from all others: what it has acknowledged must be there
// when it is back, although nobody else has heard of it.
func (s *stage) killOne(ctx context.Context, p *parting) error {
	s.group.Cut(forEver, victim)
	alone := len(p.ledger.acked(victim))
	if err := group.Await(ctx, fmt.Sprintf("replica %d acknowledges nothing", victim), func() bool {
		return len(p.ledger.acked(victim)) >= alone+enough
	}); err != nil {
		return err
	}
	s.group.Kill(victim)
	acked := p.ledger.acked(victim)
	if err := s.wait(ctx, outage); err != nil {
		return err
	}
	if err := s.group.Start(ctx, victim); err != nil {
		return err
	}
	row := demo.Row{
		What: fmt.Sprintf("replica %d came back, cut off from all", victim), Broken: "kill -9 under load",
		Note: fmt.Sprintf("has all %d writes that it had acknowledged", len(acked)),
	}
	var had map[string]bool
	if err := group.Await(ctx, "it answers nobody", func() (ok bool) {
		had, ok = s.entries(ctx, victim)
		return ok
	}); err != nil {
		return err
	}
	row.Err = missing(acked, had)
	s.Row(row)
	return nil
}

// entries returns which entries of its own ledger a replica has.
func (s *stage) entries(ctx context.Context, id int) (map[string]bool, bool) {
	prefix := fmt.Sprint(ledgers, id, "/")
	had := map[string]bool{}
	for item, err := range s.at(id).All(ctx, prefix, kv.PrefixEnd(prefix)) {
		if err != nil {
			return nil, false
		}
		had[item.Key] = true
	}
	return had, true
}

// missing tells which acknowledged writes are not there.
func missing(acked []ack, had map[string]bool) error {
	lost := slices.DeleteFunc(slices.Clone(acked), func(a ack) bool { return had[a.key] })
	if len(lost) == 0 {
		return nil
	}
	return fmt.Errorf("%d of %d acknowledged writes are lost, the first: %s", len(lost), len(acked), lost[0].key)
}

// heal ends the partition and waits until all have come to the same.
func (s *stage) heal(ctx context.Context, p *parting) error {
	s.tellSides(p)
	before, err := s.costs(ctx)
	if err != nil {
		return err
	}
	step := s.Begin("heal the partition", replicas, "replicas")
	p.lasted = time.Since(p.began)
	s.group.Heal()
	began := time.Now()
	if err := group.Await(ctx, "the replicas do not come to the same", func() bool { return s.settled(ctx) }); err != nil {
		return err
	}
	took := time.Since(began)
	step.Add(replicas)
	step.End()
	after, err := s.costs(ctx)
	if err != nil {
		return err
	}
	broken := fmt.Sprintf("a partition of %v", p.lasted.Round(100*time.Millisecond))
	s.Row(demo.Row{
		What: fmt.Sprintf("healed, with %d tentative writes at replica %d", before[booker][tentative], booker), Broken: broken,
		Note: fmt.Sprintf("all agree after %v", took.Round(time.Millisecond)),
	})
	s.Row(healed(before, after, broken))
	return nil
}

// tellSides tells how much each side has written since the partition began.
func (s *stage) tellSides(p *parting) {
	row := demo.Row{What: "both sides went on writing", Broken: fmt.Sprintf("a partition of %v", time.Since(p.began).Round(100*time.Millisecond))}
	since := func(side []int) (n int) {
		for _, id := range side {
			k := len(p.ledger.acked(id)) - p.before[id]
			if k == 0 {
				row.Err = fmt.Errorf("replica %d has acknowledged nothing", id)
			}
			n += k
		}
		return n
	}
	row.Note = fmt.Sprintf("nothing refused: %d entries in the west, %d elsewhere", since(west), since(others))
	for _, op := range p.ledger.rec.History() {
		if done := op.Resp.Status == kv.OK; !done && op.Client != victim && row.Err == nil {
			row.Err = fmt.Errorf("replica %d has refused a write: %v", op.Client, op.Resp)
		}
	}
	s.Row(row)
}

// settled tells whether no replica has a tentative write, and all know as many commit numbers. It
// asks for figures only: a replica has to put all in order for who reads.
func (s *stage) settled(ctx context.Context) bool {
	var first uint64
	for _, id := range anybody {
		f, err := s.group.Figures(ctx, id, tentative, commit)
		if err != nil || f[tentative] > 0 {
			return false
		}
		if id == anybody[0] {
			first = f[commit]
		}
		if f[commit] != first {
			return false
		}
	}
	return true
}

// The names of what healing costs a replica.
const (
	undone    = "kvd_bayou_undone_total"
	done      = "kvd_bayou_done_total"
	sessions  = "kvd_bayou_sessions_total"
	tentative = "kvd_bayou_tentative"
	transfers = "kvd_bayou_transfers_total"
	commit    = "kvd_bayou_commit"
)

// cost is what each replica tells of its work, by replica.
type cost [replicas + 1]map[string]uint64

func (s *stage) costs(ctx context.Context) (c cost, err error) {
	for _, id := range anybody {
		if c[id], err = s.group.Figures(ctx, id, undone, done, sessions, tentative, transfers); err != nil {
			return c, err
		}
	}
	return c, nil
}

// healed tells what healing has cost: who was cut off from the primary had to roll back, for what
// the primary had committed meanwhile comes before all that is tentative.
func healed(before, after cost, broken string) demo.Row {
	var back, most, again, met, states uint64
	for _, id := range anybody {
		n := after[id][undone] - before[id][undone]
		back, most = back+n, max(most, n)
		again += after[id][done] - before[id][done]
		met += after[id][sessions] - before[id][sessions]
		states += after[id][transfers] - before[id][transfers]
	}
	row := demo.Row{
		What: fmt.Sprintf("%d writes rolled back, %d done or replayed", back, again), Broken: broken,
		Note: fmt.Sprintf("at most %d at one replica; %d sessions, %d states", most, met, states),
	}
	switch {
	case before[booker][tentative] == 0:
		row.Err = errors.New("there were no tentative writes: the partition has parted nobody")
	case back == 0:
		row.Err = errors.New("nothing was rolled back: the two sides have not met")
	case again < back:
		row.Err = fmt.Errorf("%d writes were rolled back and only %d done again", back, again)
	}
	return row
}
