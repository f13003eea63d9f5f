//go:build unix

package main

import (
	"context"
	"errors"
	"slices"
	"time"

	"dss.example/common/kv"
)

// elder is the one replica that is never killed, wiped or replaced in a soak: whatever grows
// in a replica grows there.
const elder = 1

// How long a harm lasts. The longest is many elections and no caller's patience.
const (
	shortest = 50 * time.Millisecond
	longest  = 4 * time.Second
)

// harms are all that may befall. Each is over, and what it has harmed runs again, when its
// function returns.
func harms() []befallen {
	return []befallen{
		{"kill -9 of the leader", (*soak).killLeader},
		{"kill -9 of a follower, once or twice", (*soak).killFollower},
		{"kill -9 of a majority", (*soak).killMajority},
		{"SIGSTOP of the leader", (*soak).pauseLeader},
		{"SIGSTOP of all others", (*soak).pauseFollowers},
		{"a leader that nothing reaches", (*soak).deafenLeader},
		{"a leader that is cut off from its peers", (*soak).isolateLeader},
		{"a link from the leader is cut", (*soak).cutFromLeader},
		{"a link to the leader is cut", (*soak).cutToLeader},
		{"both links between two are cut", (*soak).cutPair},
		{"the leader is asked to let another lead", (*soak).handOver},
		{"a disk is wiped", (*soak).wipeFollower},
		{"a replica is replaced", (*soak).replaceFollower},
	}
}

// befallen is a kind of harm.
type befallen struct {
	name string
	do   func(*soak, context.Context) error
}

// lasting draws how long a harm lasts, short ones as likely as long ones.
func (k *soak) lasting() time.Duration {
	d := shortest << k.rand.IntN(7) // up to 3.2 s
	return min(d+time.Duration(k.rand.Int64N(int64(d))), longest)
}

// follower draws one who does not lead; a mortal one is not the elder either.
func (k *soak) follower(leader int, mortal bool) int {
	who := slices.DeleteFunc(k.but(leader), func(id int) bool { return mortal && id == elder })
	return who[k.rand.IntN(len(who))]
}

// overcome harms the leader, waits until the others have gone on without it, and until the
// harm has lasted long enough.
func (k *soak) overcome(ctx context.Context, lasts time.Duration, harm func(leader int)) (leader int, err error) {
	began := time.Now()
	leader, over, err := k.lose(ctx, func(id int) { began = time.Now(); harm(id) })
	if err != nil {
		return 0, err
	}
	k.seen.overs = append(k.seen.overs, over)
	return leader, k.wait(ctx, lasts-time.Since(began))
}

func (k *soak) killLeader(ctx context.Context) error {
	if err := k.dethrone(ctx); err != nil {
		return err
	}
	killed := 0
	if _, err := k.overcome(ctx, k.lasting(), func(leader int) {
		if leader != elder { // it leads again: nothing befalls this time
			k.kill(leader)
			killed = leader
		}
	}); err != nil || killed == 0 {
		return err
	}
	k.seen.kills++
	return k.restart(ctx, killed)
}

// dethrone sees to it that the elder does not lead.
func (k *soak) dethrone(ctx context.Context) error {
	for {
		leader, err := k.leader(ctx)
		if err != nil || leader != elder {
			return err
		}
		if err := k.transfer(ctx, k.follower(elder, true)); err != nil {
			return err
		}
		if err := k.wait(ctx, quiet); err != nil {
			return err
		}
	}
}

// transfer asks the leader to let another lead. Nobody promises that it comes to that.
func (k *soak) transfer(ctx context.Context, to int) error {
	c, err := open(ctx, late, k.fronts(k.running()...)...)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := kv.NewClient(c).Transfer(ctx, kv.ReplicaID(to)); !errors.Is(err, kv.ErrMaybe) {
		return err
	}
	return nil
}

func (k *soak) killFollower(ctx context.Context) error {
	leader, err := k.leader(ctx)
	if err != nil {
		return err
	}
	victim := k.follower(leader, true)
	for range 1 + k.rand.IntN(2) { // the second time while it recovers
		if err := k.killFor(ctx, victim); err != nil {
			return err
		}
	}
	return nil
}

func (k *soak) killMajority(ctx context.Context) error { return k.killFor(ctx, k.but(elder)...) }

// killFor kills some for a while.
func (k *soak) killFor(ctx context.Context, victims ...int) error {
	for _, id := range victims {
		k.kill(id)
		k.seen.kills++
	}
	if err := k.wait(ctx, k.lasting()); err != nil {
		return err
	}
	for _, id := range victims {
		if err := k.restart(ctx, id); err != nil {
			return err
		}
	}
	return nil
}

func (k *soak) pauseLeader(ctx context.Context) error {
	k.seen.pauses++
	leader, err := k.overcome(ctx, k.lasting(), func(leader int) { k.replicas[leader].process.Pause() })
	if err != nil {
		return err
	}
	k.replicas[leader].process.Resume()
	return nil
}

// pauseFollowers leaves a leader alone that may think for a while that it leads.
func (k *soak) pauseFollowers(ctx context.Context) error {
	leader, err := k.leader(ctx)
	if err != nil {
		return err
	}
	others := k.but(leader)
	for _, id := range others {
		k.replicas[id].process.Pause()
		k.seen.pauses++
	}
	err = k.wait(ctx, k.lasting())
	for _, id := range others {
		k.replicas[id].process.Resume()
	}
	return err
}

func (k *soak) deafenLeader(ctx context.Context) error {
	lasts := k.lasting()
	k.seen.cuts++
	_, err := k.overcome(ctx, lasts, func(leader int) { k.replicas[leader].front.cut(lasts) })
	return err
}

// isolateLeader cuts its links both ways. Callers still reach it, and it must tell them nothing
// old.
func (k *soak) isolateLeader(ctx context.Context) error {
	lasts := k.lasting()
	k.seen.cuts++
	_, err := k.overcome(ctx, lasts, func(leader int) {
		k.replicas[leader].front.cut(lasts, k.but(leader)...)
		for _, id := range k.but(leader) {
			k.replicas[id].front.cut(lasts, leader)
		}
	})
	return err
}

func (k *soak) cutFromLeader(ctx context.Context) error {
	return k.cut(ctx, func(leader, other int, d time.Duration) { k.replicas[other].front.cut(d, leader) })
}

func (k *soak) cutToLeader(ctx context.Context) error {
	return k.cut(ctx, func(leader, other int, d time.Duration) { k.replicas[leader].front.cut(d, other) })
}

func (k *soak) cutPair(ctx context.Context) error {
	return k.cut(ctx, func(leader, other int, d time.Duration) {
		k.replicas[other].front.cut(d, leader)
		k.replicas[leader].front.cut(d, other)
	})
}

// cut cuts links between the leader and another for a while. A majority can still talk.
func (k *soak) cut(ctx context.Context, links func(leader, other int, d time.Duration)) error {
	leader, err := k.leader(ctx)
	if err != nil {
		return err
	}
	lasts := k.lasting()
	links(leader, k.follower(leader, false), lasts)
	k.seen.cuts++
	return k.wait(ctx, lasts)
}

func (k *soak) handOver(ctx context.Context) error {
	leader, err := k.leader(ctx)
	if err != nil {
		return err
	}
	k.seen.transfers++
	return k.transfer(ctx, k.follower(leader, false))
}

// wipeFollower takes a disk away: its replica is taken up again as another voter.
func (k *soak) wipeFollower(ctx context.Context) error {
	leader, err := k.leader(ctx)
	if err != nil {
		return err
	}
	id := k.follower(leader, true)
	k.kill(id)
	if err := k.wipeDisk(id); err != nil {
		return err
	}
	k.seen.wipes++
	return k.join(ctx, id)
}

// replaceFollower lets who is in no group take another's place.
func (k *soak) replaceFollower(ctx context.Context) error {
	leader, err := k.leader(ctx)
	if err != nil {
		return err
	}
	old, idle := k.follower(leader, true), k.idle()
	if err := k.wipeDisk(idle); err != nil {
		return err
	}
	if err := k.join(ctx, idle); err != nil {
		return err
	}
	if err := k.change(ctx, kv.Change{Add: kv.ReplicaID(idle), Remove: kv.ReplicaID(old)}); err != nil {
		return err
	}
	k.seen.replaced++
	return k.gone(ctx, old)
}

// idle is the place where nobody runs.
func (k *soak) idle() int {
	for id := 1; id < places; id++ {
		if k.replicas[id].process == nil {
			return id
		}
	}
	return places
}
