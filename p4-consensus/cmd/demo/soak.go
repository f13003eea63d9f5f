//go:build unix

package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"dss.example/common/check"
	"dss.example/common/demo"
	"dss.example/common/faultproxy"
	"dss.example/common/kv"

	"dss.example/p1-kvrpc/client"
)

const (
	roundTime = time.Minute            // of load and harm, before the verdict; a short soak has shorter ones
	quiet     = 200 * time.Millisecond // between two harms
	pace      = 8 * time.Millisecond   // two operations of a caller
	ledgers   = "ledger/"              // keys of the ledger begin with it: they stay
)

// rain is what befalls frames between replicas all the time.
func rain() faultproxy.Rates {
	return faultproxy.Rates{Delay: 0.02, Drop: 0.001, Duplicate: 0.002, Reorder: 0.002, Cut: 0.0002}
}

// A soak is rounds of a minute. In each, callers share a fresh set of keys while one harm
// after the other befalls the replicas; then all is quiet, the whole history of the round is
// judged, and its keys are deleted. So a soak of any length needs the memory of a round. After
// each harm a ledger is written to, whose keys stay: it is compared after each round, and
// once more when all replicas were killed at the end.
type soak struct {
	*stage
	rand    *rand.Rand
	callers []*client.Client
	opened  []*client.Client // to be closed
	bag     []befallen       // what has yet to befall before anything befalls again
	began   time.Time
	seen    totals
	round   int
	recent  []string // harms of this round

	bookkeeper kv.Store
	ledger     []string // what each round's key of it must hold
}

// totals is what a soak has seen.
type totals struct {
	rounds, operations, unknown, appends int
	kills, pauses, cuts                  int
	wipes, replaced, transfers           int
	overs                                []time.Duration // of leaders, until the others went on
	heals                                []time.Duration // from the end of a harm until a write was committed
	used, younger                        []usage         // by the elder after each round; by the others
}

// soak harms replicas for as long as o says, and adds the rows of what was seen, also if it
// is interrupted or something was violated.
func (s *stage) soak(ctx context.Context, o *settings) error {
	s.flags = []string{"-snapshot", "1", "-lease", o.lease.String()}
	k := &soak{stage: s, rand: rand.New(rand.NewPCG(o.seed, 0)), began: time.Now()}
	s.Say("soak for %v, seed %d, leases of %v; replica %d is the elder, which is never killed", o.soak, o.seed, o.lease, elder)
	if err := s.form(ctx, rain()); err != nil {
		return err
	}
	defer func() { closeAll(k.opened) }()
	if err := k.open(ctx); err != nil {
		return err
	}
	err := k.rounds(ctx, k.began.Add(o.soak), min(roundTime, o.soak/4))
	if err == nil {
		err = k.blackOut(ctx)
	}
	if ctx.Err() != nil { // whatever failed, failed because of that
		k.tell(nil)
		return ctx.Err()
	}
	k.tell(err)
	if err != nil {
		return nil // a row tells it
	}
	return s.stop(ctx)
}

func (k *soak) open(ctx context.Context) (err error) {
	if k.callers, err = k.stage.callers(ctx, patience); err != nil {
		return err
	}
	k.opened = slices.Clone(k.callers)
	c, err := open(ctx, late, k.fronts(1, 2, 3, 4)...)
	if err != nil {
		return err
	}
	k.bookkeeper, k.opened = c, append(k.opened, c)
	return nil
}

// rounds plays rounds until the end.
func (k *soak) rounds(ctx context.Context, end time.Time, length time.Duration) error {
	for time.Now().Before(end) {
		k.round++
		k.recent = nil
		if err := k.play(ctx, length); err != nil {
			return fmt.Errorf("round %d, in which befell: %s: %w", k.round, strings.Join(k.recent, "; "), err)
		}
	}
	return nil
}

// play plays one round.
func (k *soak) play(ctx context.Context, length time.Duration) error {
	prefix := fmt.Sprintf("round/%d/", k.round)
	k.ledger = append(k.ledger, "")
	callers := k.share(ctx, k.callers, prefix, pace, uint64(k.round))
	err := k.harmUntil(ctx, time.Now().Add(length))
	history := callers.stop()
	if err != nil {
		return err
	}
	if err := k.judge(ctx, history, prefix); err != nil {
		return err
	}
	if err := k.checkLedger(ctx, k.round); err != nil {
		return err
	}
	if err := k.measureAll(ctx); err != nil {
		return err
	}
	k.Say("round %d, %v: %v", k.round, time.Since(k.began).Round(time.Second), &k.seen)
	return nil
}

// measureAll adds to what is known of what the replicas use.
func (k *soak) measureAll(ctx context.Context) error {
	for _, id := range k.running() {
		used, err := k.measure(ctx, id)
		if err != nil {
			return err
		}
		if id == elder {
			k.seen.used = append(k.seen.used, used)
		} else {
			k.seen.younger = append(k.seen.younger, used)
		}
	}
	return nil
}

// harmUntil lets harms befall, each as often as the others. After each the group must go on.
func (k *soak) harmUntil(ctx context.Context, end time.Time) error {
	for time.Now().Before(end) {
		if len(k.bag) == 0 {
			k.bag = harms()
			k.rand.Shuffle(len(k.bag), func(i, j int) { k.bag[i], k.bag[j] = k.bag[j], k.bag[i] })
		}
		harm := k.bag[0]
		k.bag = k.bag[1:]
		k.recent = append(k.recent, harm.name)
		if err := harm.do(k, ctx); err != nil {
			return err
		}
		if err := k.recover(ctx); err != nil {
			return err
		}
		if err := k.wait(ctx, quiet); err != nil {
			return err
		}
	}
	return nil
}

// recover waits until the group goes on, with all its replicas. The ledger then holds what
// was written to it so far, each word once.
func (k *soak) recover(ctx context.Context) error {
	word, page := fmt.Sprintf("%d,", len(k.recent)), &k.ledger[k.round-1]
	healed := time.Now()
	n, err := kv.NewClient(k.bookkeeper).Append(ctx, k.page(k.round), []byte(word))
	if err != nil {
		return fmt.Errorf("no write is committed %v after a harm has ended: %w", late, err)
	}
	k.seen.heals = append(k.seen.heals, time.Since(healed))
	if *page += word; n != len(*page) {
		return fmt.Errorf("the ledger has %d bytes after an append: want %d, %q", n, len(*page), *page)
	}
	for _, id := range k.running() {
		if err := k.catchUp(ctx, id); err != nil {
			return err
		}
	}
	return nil
}

// page is the ledger's key of a round.
func (k *soak) page(round int) string { return fmt.Sprintf("%s%06d", ledgers, round) }

// judge judges a round's history and what is left of it, and deletes that.
func (k *soak) judge(ctx context.Context, h check.History, prefix string) error {
	if err := linearizable(h); err != nil {
		return err
	}
	items, err := k.kept(ctx, h, prefix)
	if err != nil {
		return err
	}
	unknown, appends := outcomes(h)
	k.seen.rounds++
	k.seen.operations += len(h)
	k.seen.unknown += unknown
	k.seen.appends += appends
	for _, item := range items {
		if _, err := kv.NewClient(k.bookkeeper).Delete(ctx, item.Key); err != nil {
			return err
		}
	}
	return nil
}

// checkLedger compares the ledger's pages from a round on.
func (k *soak) checkLedger(ctx context.Context, from int) error {
	for round := from; round <= len(k.ledger); round++ {
		item, err := kv.NewClient(k.bookkeeper).Get(ctx, k.page(round))
		if err != nil {
			return fmt.Errorf("%s: %w", k.page(round), err)
		}
		if want := k.ledger[round-1]; string(item.Value) != want {
			return fmt.Errorf("the ledger's page %d is %q: want %q", round, item.Value, want)
		}
	}
	return nil
}

// blackOut kills all replicas at once, the elder too, and looks at what the disks have kept.
func (k *soak) blackOut(ctx context.Context) error {
	all := k.running()
	for _, id := range all {
		k.kill(id)
	}
	for _, id := range all {
		if err := k.restart(ctx, id); err != nil {
			return err
		}
	}
	k.seen.kills += len(all)
	row := demo.Row{
		What: fmt.Sprintf("%d words that a ledger has kept", words(k.ledger)), Broken: "all replicas killed at once, at the end",
		Note: "each there, once, and in order", Err: k.checkLedger(ctx, 1),
	}
	k.Row(row)
	return nil
}

func words(ledger []string) (n int) {
	for _, page := range ledger {
		n += strings.Count(page, ",")
	}
	return n
}

// tell adds the rows of what was seen, and of what was violated.
func (k *soak) tell(violated error) {
	seen := &k.seen
	row := demo.Row{
		What:   fmt.Sprintf("%d operations of %d callers, in %d rounds", seen.operations, callers, seen.rounds),
		Broken: fmt.Sprintf("kills: %d, pauses: %d, cuts: %d", seen.kills, seen.pauses, seen.cuts),
		Note:   fmt.Sprintf("linearizable; %d of unknown outcome", seen.unknown),
		Rate:   demo.Rate(int64(seen.operations), "op", time.Since(k.began)),
	}
	if violated != nil {
		row.Err = fmt.Errorf("seed %d: %w", k.seed, violated)
	}
	k.Row(row)
	if seen.rounds == 0 {
		return
	}
	k.Row(demo.Row{
		What:   fmt.Sprintf("%d appends of unique tokens", seen.appends),
		Broken: fmt.Sprintf("disks wiped: %d, replicas replaced: %d, hand-overs: %d", seen.wipes, seen.replaced, seen.transfers),
		Note:   "each exactly once",
	})
	if len(seen.overs) > 0 {
		k.Row(overRow(fmt.Sprintf("%d leaders lost", len(seen.overs)), "kill -9, SIGSTOP, cut", seen.overs))
	}
	k.Row(overRow(fmt.Sprintf("%d harms that have ended", len(seen.heals)), "nothing any more", seen.heals))
	k.Say("befell frames on their way: %v", k.faults())
	for _, t := range trends(seen.used) {
		k.Row(t.row())
	}
	for _, t := range trends(seen.younger) {
		k.Say("of the others, for comparison: %s: %s", t.what, t.said())
	}
}

// faults counts what befell frames, whoever sent them.
func (k *soak) faults() (all faultproxy.Stats) {
	for _, r := range k.replicas {
		all = all.Plus(r.front.faults())
	}
	return all
}

// String tells what was seen so far, on one line.
func (t *totals) String() string {
	overs := slices.Sorted(slices.Values(t.overs))
	over := "no fail-over"
	if n := len(overs); n > 0 {
		over = fmt.Sprintf("fail-over %v, at worst %v", overs[n/2].Round(time.Millisecond), overs[n-1].Round(time.Millisecond))
	}
	used := t.used[len(t.used)-1]
	return fmt.Sprintf("%d operations, %d unknown; kills %d, pauses %d, cuts %d, wiped %d, replaced %d; %s; elder: rss %s, heap %s, %d goroutines",
		t.operations, t.unknown, t.kills, t.pauses, t.cuts, t.wipes, t.replaced, over, mib(used.rss), mib(used.heap), used.goroutines)
}

// wait waits, unless d is over or ctx ends.
func (s *stage) wait(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
