//go:build unix

package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"sync"

	"dss.example/common/check"
	"dss.example/common/demo"
	"dss.example/common/kv"
)

// agree judges what all replicas have come to.
func (s *stage) agree(ctx context.Context, p *parting) error {
	for _, verdict := range []func(context.Context, *parting) error{
		s.checkHash, s.checkLedgers, s.checkOrder, s.checkConflicts,
	} {
		if err := verdict(ctx, p); err != nil {
			return err
		}
	}
	if err := s.checkBookings(ctx); err != nil {
		return err
	}
	s.arrive(ctx, p.travels, p.crossed)
	if err := s.compare(ctx); err != nil {
		return err
	}
	done, _, _ := outcomes(p.ledger.rec.History())
	s.Say("all in all %d operations, of which the ledgers' %d were acknowledged: none is lost", s.asked.Load()+int64(len(p.ledger.rec.History())), done)
	return ctx.Err()
}

// checkHash compares the hashes of all that the replicas hold.
func (s *stage) checkHash(ctx context.Context, _ *parting) error {
	var hashes [][]byte
	var keys uint64
	for _, id := range anybody {
		st, err := s.at(id).Stat(ctx, true)
		if err != nil {
			return err
		}
		hashes, keys = append(hashes, st.Hash), st.Keys
	}
	s.Row(demo.Row{
		What: fmt.Sprintf("the hash of %d keys at five replicas", keys), Broken: "all of the above",
		Note: fmt.Sprintf("%x… at all five", hashes[0][:4]), Err: check.SameHash(hashes),
	})
	return nil
}

// checkLedgers looks for every acknowledged entry at every replica.
func (s *stage) checkLedgers(ctx context.Context, p *parting) error {
	h := p.ledger.rec.History()
	done, _, unknown := outcomes(h)
	row := demo.Row{
		What: fmt.Sprintf("%d acknowledged writes of %d ledgers", done, replicas), Broken: "a partition, kill -9",
		Note: fmt.Sprintf("0 lost at any of five; %d of unknown outcome", unknown),
	}
	for _, id := range anybody {
		var items []kv.Item
		for item, err := range s.at(id).All(ctx, ledgers, kv.PrefixEnd(ledgers)) {
			if err != nil {
				return err
			}
			items = append(items, item)
		}
		if err := check.NoLostWrites(h, items); err != nil && row.Err == nil {
			row.Err = fmt.Errorf("at replica %d: %w", id, err)
		}
	}
	s.Row(row)
	return nil
}

// checkOrder asks every replica for the commit numbers of all that was acknowledged since the
// partition began, on both sides.
func (s *stage) checkOrder(ctx context.Context, p *parting) error {
	var acks []ack
	for _, id := range anybody {
		acks = append(acks, p.ledger.acked(id)[p.before[id]:]...)
	}
	step := s.Begin("compare the commit order", int64(len(acks)*replicas), "numbers")
	var numbers [replicas + 1][]uint64
	var errs [replicas + 1]error
	var all sync.WaitGroup
	for _, id := range anybody {
		all.Go(func() {
			for _, a := range acks {
				st, err := s.at(id).Inquire(ctx, a.write)
				if err != nil {
					errs[id] = err
					return
				}
				numbers[id] = append(numbers[id], st.Commit)
				step.Add(1)
			}
		})
	}
	all.Wait()
	if err := errors.Join(errs[:]...); err != nil {
		return err
	}
	row := demo.Row{
		What: fmt.Sprintf("the commit numbers of %d writes of both sides", len(acks)), Broken: "a partition, kill -9",
		Note: "one order, the same at all five", Err: sameOrder(acks, numbers[1:]), Rate: step.End(),
	}
	s.Row(row)
	return nil
}

// sameOrder checks that each write has the same number everywhere, and no two have one.
func sameOrder(acks []ack, numbers [][]uint64) error {
	taken := map[uint64]string{}
	for i, a := range acks {
		n := numbers[0][i]
		if n == 0 {
			return fmt.Errorf("%s has no commit number at replica 1", a.key)
		}
		if other := taken[n]; other != "" {
			return fmt.Errorf("%s and %s both have commit number %d", other, a.key, n)
		}
		taken[n] = a.key
		for r := range numbers {
			if numbers[r][i] != n {
				return fmt.Errorf("%s has commit number %d at replica 1 and %d at replica %d", a.key, n, numbers[r][i], r+1)
			}
		}
	}
	return nil
}

// checkConflicts compares the lists of what could not be done.
func (s *stage) checkConflicts(ctx context.Context, _ *parting) error {
	row := demo.Row{
		What: "conflicts that no merge procedure could resolve", Broken: "the same room was booked twice",
		Note: fmt.Sprintf("%d, listed alike at all five", crowded),
	}
	var first kv.ConflictList
	for _, id := range anybody {
		list, err := s.at(id).Conflicts(ctx, kv.Version{}, 0)
		if err != nil {
			return err
		}
		if id == anybody[0] {
			first = list
		}
		if row.Err == nil {
			row.Err = sameConflicts(id, list, first)
		}
	}
	for _, c := range first.List {
		s.Say("  conflict: %v", c)
	}
	s.Row(row)
	return nil
}

func sameConflicts(id int, list, first kv.ConflictList) error {
	if len(list.List) != crowded || list.More {
		return fmt.Errorf("replica %d lists %d conflicts, and more: %v: want %d", id, len(list.List), list.More, crowded)
	}
	for _, c := range list.List {
		if !c.Stable {
			return fmt.Errorf("replica %d lists as tentative: %v", id, c)
		}
	}
	if !reflect.DeepEqual(list, first) {
		return fmt.Errorf("replica %d lists %v: replica 1 lists %v", id, list, first)
	}
	return nil
}

// compare reads every file back, at the replica that is farthest from where most were loaded, and
// compares every byte.
func (s *stage) compare(ctx context.Context) error {
	var tree demo.Tree
	for _, l := range s.loaded {
		part, err := demo.ListFiles(filepath.Join(s.src, l.dir))
		if err != nil {
			return err
		}
		for _, f := range part.Files {
			f.Key = l.dir + "/" + f.Key
			tree.Files = append(tree.Files, f)
		}
		tree.Bytes += part.Bytes
	}
	rate, err := s.Check("compare every byte", tree, func(f demo.File) error { return s.same(ctx, f) })
	s.asked.Add(int64(len(tree.Files)))
	s.Row(demo.Row{
		What: fmt.Sprintf("%d files, %d MB, read back at replica %d", len(tree.Files), tree.Bytes>>20, booker), Broken: "all of the above",
		Note: "every byte equal", Rate: rate, Err: err,
	})
	return nil
}

func (s *stage) same(ctx context.Context, f demo.File) error {
	want, err := f.Read()
	if err != nil {
		return err
	}
	item, err := s.at(booker).Get(ctx, files+f.Key)
	if err != nil {
		return fmt.Errorf("%s: %w", f.Key, err)
	}
	if string(item.Value) != string(want) {
		return fmt.Errorf("%s: %d bytes in the store, %d in the file, and not the same", f.Key, len(item.Value), len(want))
	}
	return nil
}
