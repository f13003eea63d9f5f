package proto

import (
	"slices"

	"dss.example/common/machine"
)

// Reign is a group and the slot from which on it decides.
type Reign struct {
	From  uint64
	Group Group
}

// Reigns are the groups that decide the slots from some slot on, in order.
type Reigns []Reign

// Of returns the group that decides a slot: the last whose Reign has begun by then.
func (rs Reigns) Of(slot uint64) *Group {
	for i := len(rs) - 1; i >= 0; i-- {
		if rs[i].From <= slot {
			return &rs[i].Group
		}
	}
	return nil
}

// Last returns the newest group, whether its Reign has begun or not.
func (rs Reigns) Last() *Reign {
	if len(rs) == 0 {
		return nil
	}
	return &rs[len(rs)-1]
}

// Since drops the groups that decide no slot from the given one on.
func (rs Reigns) Since(slot uint64) Reigns {
	i := 0
	for i+1 < len(rs) && rs[i+1].From <= slot {
		i++
	}
	return rs[i:]
}

// All tells whether a condition holds for every group.
func (rs Reigns) All(holds func(*Group) bool) bool {
	for i := range rs {
		if !holds(&rs[i].Group) {
			return false
		}
	}
	return len(rs) > 0
}

// Has tells whether a voter is a member of any of the groups.
func (rs Reigns) Has(v Voter) bool {
	for i := range rs {
		if rs[i].Group.Has(v) {
			return true
		}
	}
	return false
}

// Nodes returns every member's node, in order.
func (rs Reigns) Nodes() (all []machine.Node) {
	for i := range rs {
		for _, m := range rs[i].Group.Members {
			if at, found := slices.BinarySearch(all, m.Node); !found {
				all = slices.Insert(all, at, m.Node)
			}
		}
	}
	return all
}
