package check

import (
	"fmt"
	"slices"
	"sort"

	"dss.example/common/kv"
	"dss.example/common/machine"
)

// The four session guarantees (Terry et al. 1994) are judged from values alone:
// every write must have a value that no other write of its key has, a client is a
// session, and one state of a key is older than another only if the writes are
// ordered by what their clients did and read before (happened-before). Writes that
// nobody could order may be seen in any order. Get and Scan are reads, Put and a
// CAS that succeeded are writes; a key that anybody deletes, appends to or uses in
// a transaction or a guarded write is not judged. ErrNotChecked tells that a value was
// written twice, or that a merge procedure may have written any key.

// ReadYourWrites checks that no client reads a key as it was before that client's
// own acknowledged write.
func ReadYourWrites(h History) error {
	return judge(h, func(c *causality, me *client, r *read) error {
		if w := me.newest(r.key, me.n+1); w != nil && r.of.before(w) {
			return fmt.Errorf("read your writes: %s, older than the same client's %s", r.op, w.op)
		}
		return nil
	})
}

// MonotonicReads checks that no client reads a key as it was before what the same
// client had read of it.
func MonotonicReads(h History) error {
	return judge(h, func(c *causality, me *client, r *read) error {
		if e := me.reads[r.key].newer(r, r.op.Return); e != nil {
			return fmt.Errorf("monotonic reads: %s, older than what the same client had read: %s", r.op, e.op)
		}
		return nil
	})
}

// MonotonicWrites checks that who has seen a client's write sees that client's
// earlier writes, too.
func MonotonicWrites(h History) error {
	return judge(h, func(c *causality, me *client, r *read) error {
		for _, later := range me.seen {
			if later == nil {
				continue
			}
			if w := c.clients[later.client].newest(r.key, later.n); w != nil && r.of.before(w) {
				return fmt.Errorf("monotonic writes: %s, older than %s, after which the same client did %s, which this reader had seen",
					r.op, w.op, later.op)
			}
		}
		return nil
	})
}

// WritesFollowReads checks that who has seen a client's write sees what that
// client had read before writing it, too.
func WritesFollowReads(h History) error {
	return judge(h, func(c *causality, me *client, r *read) error {
		for _, later := range me.seen {
			if later == nil {
				continue
			}
			if e := c.clients[later.client].reads[r.key].newer(r, later.op.Call); e != nil {
				return fmt.Errorf("writes follow reads: %s, older than %s; the client that read that did %s afterwards, which this reader had seen",
					r.op, e.op, later.op)
			}
		}
		return nil
	})
}

// write is one Put or successful CAS.
type write struct {
	op     *Op
	client int   // index into causality.clients
	n      int   // in its client's session, from 1
	after  []int // of each client, how many writes happened before this one; of its own, n-1
}

// before reports whether w (nil: the absent key) happened before x.
func (w *write) before(x *write) bool { return w == nil || x.after[w.client] >= w.n }

// read is what a Get or Scan said of one key; of is nil for an absent key.
type read struct {
	op  *Op
	key string
	of  *write
}

// client is one session: what it did, and what it had learnt by then.
type client struct {
	n      int                 // writes so far
	known  []int               // of each client, how many writes this one has heard of
	seen   []*write            // of each client, the latest write that this one has read
	writes map[string][]*write // by key
	reads  map[string]*trail   // by key
}

// newest returns the last acknowledged write of a key among the first n-1 writes.
func (c *client) newest(key string, n int) *write {
	all := c.writes[key]
	i := sort.Search(len(all), func(i int) bool { return all[i].n >= n })
	for i--; i >= 0; i-- {
		if all[i].op.fate() == done {
			return all[i]
		}
	}
	return nil
}

// trail is the reads of one key by one client that found something, in order, and
// with each what had happened before any of the writes that it and those before it
// showed.
type trail struct {
	reads []*read
	past  [][]int
}

// newer returns a read before the given time that showed a later write than r does.
func (t *trail) newer(r *read, before machine.Time) *read {
	if t == nil {
		return nil
	}
	n := sort.Search(len(t.reads), func(i int) bool { return t.reads[i].op.Return >= before })
	if n == 0 || r.of != nil && t.past[n-1][r.of.client] < r.of.n {
		return nil
	}
	return t.reads[slices.IndexFunc(t.reads, func(e *read) bool { return r.of.before(e.of) })]
}

func (t *trail) add(r *read) {
	past := slices.Clone(r.of.after)
	if n := len(t.past); n > 0 {
		raise(past, t.past[n-1])
	}
	t.reads, t.past = append(t.reads, r), append(t.past, past)
}

func raise(a, b []int) {
	for i := range a {
		a[i] = max(a[i], b[i])
	}
}

type rule func(c *causality, me *client, r *read) error

// causality walks through a history and works out what happened before what.
type causality struct {
	rule     rule
	universe []string
	writes   map[string]*write // by key and value
	skip     map[string]bool   // keys that are not judged
	index    map[int]int       // of a client in the history to that in clients
	clients  []*client
}

// moment is the call of a write or the return of a read.
type moment struct {
	at machine.Time
	op *Op
}

func judge(h History, rule rule) error {
	if err := wellFormed(h); err != nil {
		return err
	}
	c := &causality{
		rule: rule, universe: keysOf(h), writes: map[string]*write{}, skip: map[string]bool{}, index: map[int]int{},
	}
	moments, err := c.moments(h)
	if err != nil {
		return err
	}
	for _, m := range moments {
		if err := c.step(m.op); err != nil {
			return err
		}
	}
	return nil
}

// moments sorts what matters of the history by time, and makes the clients.
func (c *causality) moments(h History) (moments []moment, err error) {
	for i := range h {
		o := &h[i]
		if _, ok := c.index[o.Client]; !ok {
			c.index[o.Client] = len(c.index)
		}
		if o.fate() == refused {
			continue
		}
		switch op := o.Req.Op.(type) {
		case kv.Put, kv.CAS:
			if o.fate() == unknown || o.Resp.Status == kv.OK {
				moments = append(moments, moment{o.Call, o})
			}
		case kv.Get, kv.Scan:
			if o.fate() == done && o.Req.At.IsZero() {
				moments = append(moments, moment{o.Return, o})
			}
		case kv.Guarded:
			if op.Else != "" {
				return nil, fmt.Errorf("%w: %s has a merge procedure, which may have written any key", ErrNotChecked, o)
			}
			c.spare(op)
		default:
			c.spare(op)
		}
	}
	for range c.index {
		c.clients = append(c.clients, &client{
			known: make([]int, len(c.index)), seen: make([]*write, len(c.index)),
			writes: map[string][]*write{}, reads: map[string]*trail{},
		})
	}
	sort.SliceStable(moments, func(i, j int) bool { return moments[i].at < moments[j].at })
	return moments, nil
}

// spare leaves out the keys of what is not judged.
func (c *causality) spare(op kv.Op) {
	for _, key := range touched(op, nil) {
		c.skip[key] = true
	}
}

func (c *causality) step(o *Op) error {
	switch op := o.Req.Op.(type) {
	case kv.Put:
		return c.write(o, op.Key, op.Value)
	case kv.CAS:
		return c.write(o, op.Key, op.Value)
	}
	return c.read(o)
}

func (c *causality) write(o *Op, key string, value []byte) error {
	name := key + "\x00" + string(value)
	if old := c.writes[name]; old != nil {
		return fmt.Errorf("%w: %s and %s wrote the same value", ErrNotChecked, old.op, o)
	}
	i := c.index[o.Client]
	me := c.clients[i]
	me.n++
	w := &write{op: o, client: i, n: me.n, after: slices.Clone(me.known)}
	me.known[i] = w.n
	me.writes[key] = append(me.writes[key], w)
	c.writes[name] = w
	return nil
}

// read learns what a read shows, all keys of a Scan at once, and judges it.
func (c *causality) read(o *Op) error {
	me := c.clients[c.index[o.Client]]
	var reads []*read
	for _, part := range partsOf(o, c.universe) {
		r := &read{op: o, key: part.keys[0]}
		if c.skip[r.key] {
			continue
		}
		reads = append(reads, r)
		value, ok := valueOf(part.resp)
		if !ok {
			continue
		}
		if r.of = c.writes[r.key+"\x00"+string(value)]; r.of == nil {
			return fmt.Errorf("%s: nobody had written that value of %s", o, short([]byte(r.key)))
		}
		raise(me.known, r.of.after)
		me.known[r.of.client] = max(me.known[r.of.client], r.of.n)
		if s := me.seen[r.of.client]; s == nil || s.n < r.of.n {
			me.seen[r.of.client] = r.of
		}
	}
	for _, r := range reads {
		if err := c.rule(c, me, r); err != nil {
			return err
		}
	}
	for _, r := range reads {
		if r.of == nil {
			continue
		}
		if me.reads[r.key] == nil {
			me.reads[r.key] = &trail{}
		}
		me.reads[r.key].add(r)
	}
	return nil
}

// partsOf returns what a read says of each key; nothing for one without values.
func partsOf(o *Op, universe []string) []step {
	st := step{op: o, do: o.Req.Op, resp: o.Resp, keys: touched(o.Req.Op, universe)}
	scan, ok := st.do.(kv.Scan)
	switch {
	case !ok:
		return []step{st}
	case scan.KeysOnly, scan.CountOnly:
		return nil
	}
	if _, ok := o.Resp.Result.(kv.Items); !ok {
		return nil
	}
	return apart(st, scan, universe)
}

func valueOf(resp *kv.Response) ([]byte, bool) {
	switch r := resp.Result.(type) {
	case kv.Item:
		return r.Value, true
	case kv.Items:
		if len(r.List) == 1 {
			return r.List[0].Value, true
		}
	}
	return nil, false
}
