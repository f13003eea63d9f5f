package kv

import (
	"bytes"
	"slices"
)

// Clone returns a Response that shares with r nothing that can be changed. What a
// machine answers is immutable, and may be part of its state: whoever hands it on
// through the door gives a clone away.
func (r *Response) Clone() *Response {
	c := *r
	c.Token, c.Result = bytes.Clone(r.Token), cloneResult(r.Result)
	return &c
}

func cloneResult(res Result) Result {
	switch r := res.(type) {
	case Item:
		return r.clone()
	case Items:
		r.List = cloneEach(r.List, Item.clone)
		return r
	case TxnResult:
		r.Outcomes = cloneEach(r.Outcomes, Outcome.clone)
		return r
	case EventList:
		r.List = cloneEach(r.List, Event.clone)
		return r
	case LeaseInfo:
		return r.clone()
	case LeaseList:
		r.List = cloneEach(r.List, LeaseInfo.clone)
		return r
	case Group:
		r.Members, r.Guests = slices.Clone(r.Members), slices.Clone(r.Guests)
		return r
	case ConflictList:
		r.List = cloneEach(r.List, Conflicted.clone)
		return r
	case Distances:
		r.List = slices.Clone(r.List)
		return r
	case Stats:
		r.Hash = bytes.Clone(r.Hash)
		return r
	}
	return res
}

func cloneEach[T any](list []T, clone func(T) T) []T {
	list = slices.Clone(list)
	for i := range list {
		list[i] = clone(list[i])
	}
	return list
}

func (i Item) clone() Item {
	i.Value = bytes.Clone(i.Value)
	return i
}

func (o Outcome) clone() Outcome {
	o.Result = cloneResult(o.Result)
	return o
}

func (e Event) clone() Event {
	e.Item = e.Item.clone()
	if e.Previous != nil {
		before := e.Previous.clone()
		e.Previous = &before
	}
	return e
}

func (l LeaseInfo) clone() LeaseInfo {
	l.Keys = slices.Clone(l.Keys)
	return l
}

func (c Conflicted) clone() Conflicted {
	c.Then = slices.Clone(c.Then)
	for i, op := range c.Then {
		if put, ok := op.(Put); ok {
			put.Value = bytes.Clone(put.Value)
			c.Then[i] = put
		}
	}
	return c
}
