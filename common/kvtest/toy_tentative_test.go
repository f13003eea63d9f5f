package kvtest_test

import (
	"context"
	"fmt"
	"time"

	"dss.example/common/check"
	"dss.example/common/kv"
	"dss.example/common/kvtest"
)

// newTentative is a group that offers all that stage 3 does. What all replicas know when all
// is quiet is stable.
func newTentative() *group {
	g := newGroup(kv.Session)
	g.has |= kv.CapTentative | kv.CapProbe
	return g
}

// inTentative makes worlds of such groups, whose answers are spoilt.
func inTentative(spoil func(req *kv.Request, resp *kv.Response, next kv.Store)) func() kvtest.World {
	return func() kvtest.World {
		return newTentative().world(func(_ int, s kv.Store) kv.Store {
			return wrapped{s, func(next kv.Store, ctx context.Context, req *kv.Request) *kv.Response {
				resp := next.Do(ctx, req)
				spoil(req, resp, next)
				return resp
			}}
		})
	}
}

// replayed is what writes have made, one after the other.
type replayed struct {
	group     *group
	model     *check.Model
	conflicts []kv.Conflicted
}

func (g *group) replay(log []stamped) *replayed {
	p := &replayed{group: g, model: check.NewModel(kv.Caps{Level: g.level, Has: kv.CapStat}, 1)}
	for _, w := range log {
		p.do(w)
	}
	return p
}

// name names a write for clients.
func (w stamped) name() kv.Version { return kv.Version{Hi: w.time, Lo: uint64(w.origin) + 1} }

func validate(op kv.Op) *kv.Response {
	if op, ok := op.(kv.Guarded); ok && (op.If != "" && op.If != kvtest.ProgramFree || op.Else != "" && op.Else != kvtest.ProgramNext) {
		return kv.Refuse(kv.Invalid, "a program that this toy does not know")
	}
	return nil
}

func (p *replayed) do(w stamped) *kv.Response {
	op, ok := w.req.Op.(kv.Guarded)
	if !ok {
		resp := p.model.Do(0, w.req)
		resp.Rev, resp.Stable = w.name(), false
		return resp
	}
	steps, fate := op.Then, kv.Applied
	if op.If != "" && p.has(op.Then[0]) && !p.group.once {
		steps, fate = p.merge(op)
	}
	if fate == kv.Unresolved {
		c := kv.Conflicted{Write: w.name(), Server: fmt.Sprint(w.origin), Text: "all is taken", Then: clone(op).(kv.Guarded).Then}
		p.conflicts = append(p.conflicts, c)
	}
	for _, step := range steps {
		p.model.Do(0, &kv.Request{Op: step})
	}
	return &kv.Response{Status: kv.OK, Rev: w.name(), Result: kv.GuardedResult{Fate: fate}}
}

func (p *replayed) has(op kv.Op) bool {
	key := ""
	switch op := op.(type) {
	case kv.Put:
		key = op.Key
	case kv.Delete:
		key = op.Key
	}
	return p.model.Do(0, &kv.Request{Op: kv.Get{Key: key}}).Status == kv.OK
}

// merge is ProgramNext.
func (p *replayed) merge(op kv.Guarded) ([]kv.Op, kv.Fate) {
	for _, key := range []string{"next/1", "next/2"} {
		put, ok := op.Then[0].(kv.Put)
		put.Key = key
		if ok && op.Else != "" && !p.has(put) {
			return []kv.Op{put}, kv.Merged
		}
	}
	return nil, kv.Unresolved
}

// read answers from all that is known, or from what is stable of it.
func (r *replica) read(req *kv.Request) *kv.Response {
	stable := req.Level == kv.Prefix
	at := r.contents()
	if stable {
		at = r.group.replay(r.log[:r.sure])
	}
	resp := &kv.Response{Status: kv.OK}
	switch op := req.Op.(type) {
	case kv.Inquire:
		resp.Result = r.standing(op.Write)
	case kv.Conflicts:
		resp.Result = r.page(at.conflicts, op)
	case kv.Probe:
		resp.Result = r.distances()
	default:
		resp = at.model.Do(0, &kv.Request{Op: op})
		resp.Rev = kv.Version{}
	}
	resp.Stable = stable
	return resp
}

func (r *replica) standing(name kv.Version) (s kv.Standing) {
	for i, w := range r.log {
		if w.name() == name {
			s = kv.Standing{Known: true, Stable: i < r.sure}
			if s.Stable {
				s.Commit = uint64(i) + 1
			}
		}
	}
	return s
}

func (r *replica) page(all []kv.Conflicted, op kv.Conflicts) (list kv.ConflictList) {
	limit := kv.MaxConflicts
	if op.Limit > 0 {
		limit = min(op.Limit, limit)
	}
	for _, c := range all {
		if c.Write.Compare(op.After) <= 0 {
			continue
		}
		if list.More = len(list.List) == limit; list.More {
			break
		}
		c.Then = clone(kv.Guarded{Then: c.Then}).(kv.Guarded).Then
		c.Stable = r.standing(c.Write).Stable
		list.List = append(list.List, c)
	}
	return list
}

// distances are those of houses along a street.
func (r *replica) distances() kv.Distances {
	d := kv.Distances{Asked: kv.ReplicaID(r.id) + 1, Zone: "street"}
	for _, other := range r.group.replicas {
		if away := max(r.id-other.id, other.id-r.id); away > 0 {
			d.List = append(d.List, kv.Distance{ID: kv.ReplicaID(other.id) + 1, Up: true, RTT: time.Duration(away) * time.Millisecond, Chosen: away == 1 && other.id < 2})
		}
	}
	return d
}
