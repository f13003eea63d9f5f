package kvtest

import (
	"strings"

	"dss.example/common/kv"
)

var randomCases = []entry{
	{name: "random reads and writes are as the model's", do: func(j *judge) { j.random(0) }},
	{name: "random appends, compares and transactions are as the model's", needs: kv.CapCompare, do: func(j *judge) { j.random(kv.CapAppend | kv.CapCompare) }},
	{name: "random reads of the past are as the model's", needs: kv.CapRevisions, do: func(j *judge) { j.random(kv.CapRevisions) }},
	{name: "random leases are as the model's", needs: kv.CapLeases, do: func(j *judge) { j.random(kv.CapLeases) }},
	{name: "random repetitions are as the model's", needs: kv.CapSessions, do: func(j *judge) { j.random(kv.CapSessions) }},
	{name: "random operations of all kinds are as the model's", do: func(j *judge) { j.random(^kv.Cap(0)) }},
}

// random does many operations of the kinds that use is for.
func (j *judge) random(use kv.Cap) {
	n := j.ops
	if j.caps.Level < kv.Linearizable {
		n /= 10
	}
	g := generator{oracle: j.newOracle(), use: use & j.caps.Has}
	for range n {
		g.step()
	}
	g.op(kv.Scan{})
}

// generator makes requests that are likely to meet each other.
type generator struct {
	*oracle
	use      kv.Cap
	leases   []kv.LeaseID
	sessions []*randomSession
}

type randomSession struct {
	id, seq, acked uint64
	sent           []kv.Request // that may be repeated
}

var randomKeys = []string{"a", "a\x00", "b", "ba", "\x00", "\xff", "\xff\xff", strings.Repeat("k", kv.MaxKey)}

func (g *generator) key() string { return randomKeys[g.rng.IntN(len(randomKeys))] }

func (g *generator) value() []byte {
	b := make([]byte, g.rng.IntN(4))
	for i := range b {
		b[i] = "01\x00\xff"[g.rng.IntN(4)]
	}
	return b
}

func (g *generator) uses(c kv.Cap) bool { return g.use.Has(c) }

func (g *generator) step() {
	g.Helper()
	switch {
	case g.uses(kv.CapLeases) && g.rng.IntN(5) == 0:
		g.leaseStep()
		return
	case g.uses(kv.CapRevisions) && g.rng.IntN(4) == 0:
		g.pastStep()
		return
	case g.uses(kv.CapSessions) && g.rng.IntN(2) == 0:
		g.sessionStep()
		return
	}
	g.op(g.any())
}

// any makes an operation on keys.
func (g *generator) any() kv.Op {
	g.Helper()
	if g.uses(kv.CapCompare) {
		switch g.rng.IntN(5) {
		case 0:
			return g.cas()
		case 1:
			return g.txn()
		}
	}
	return g.simple()
}

// simple makes an operation that a transaction may hold.
func (g *generator) simple() kv.Op {
	switch g.rng.IntN(7) {
	case 0, 1:
		return kv.Put{Key: g.key(), Value: g.value(), Lease: g.lease()}
	case 2:
		return kv.Delete{Key: g.key()}
	case 3:
		return g.scan()
	case 4:
		if g.uses(kv.CapAppend) {
			return kv.Append{Key: g.key(), Value: g.value()}
		}
	}
	return kv.Get{Key: g.key()}
}

func (g *generator) scan() kv.Scan {
	s := kv.Scan{
		Limit: g.rng.IntN(5), Descending: g.rng.IntN(2) == 0, KeysOnly: g.rng.IntN(4) == 0, CountOnly: g.rng.IntN(4) == 0,
	}
	if g.rng.IntN(2) == 0 {
		s.From, s.To = g.key(), g.key()
		s.From, s.To = min(s.From, s.To), max(s.From, s.To)
	}
	return s
}

// version returns that of a key, or another.
func (g *generator) version(key string) kv.Version {
	g.Helper()
	switch g.rng.IntN(4) {
	case 0:
		return kv.Version{}
	case 1:
		return g.learn(g.key())
	}
	return g.learn(key)
}

func (g *generator) cas() kv.Op {
	g.Helper()
	key := g.key()
	return kv.CAS{Key: key, Old: g.version(key), Value: g.value()}
}

func (g *generator) txn() kv.Op {
	g.Helper()
	var txn kv.Txn
	for range g.rng.IntN(3) {
		c := kv.Compare{Key: g.key(), Value: g.value(), Number: g.rng.Uint64N(4)}
		c.Target = kv.Target(1 + g.rng.IntN(int(kv.TargetLease)))
		c.Relation = kv.Relation(1 + g.rng.IntN(int(kv.Greater)))
		if c.Target == kv.TargetMod || c.Target == kv.TargetCreate {
			c.Version = g.version(c.Key)
			if !g.has(kv.CapRevisions) {
				c.Relation = kv.Relation(1 + g.rng.IntN(int(kv.NotEqual)))
			}
		}
		txn.If = append(txn.If, c)
	}
	txn.Then, txn.Else = g.branch(), g.branch()
	return txn
}

// branch makes a list of operations. It does not make a key and delete it again:
// the door does not say whether that changes something.
func (g *generator) branch() (ops []kv.Op) {
	written := map[string]bool{}
	for range g.rng.IntN(4) {
		op := g.simple()
		switch o := op.(type) {
		case kv.Put:
			written[o.Key] = true
		case kv.Append:
			written[o.Key] = true
		case kv.Delete:
			if written[o.Key] {
				continue
			}
		}
		ops = append(ops, op)
	}
	return ops
}

// lease returns one that exists, none, or seldom one that does not.
func (g *generator) lease() kv.LeaseID {
	if !g.uses(kv.CapLeases) || g.rng.IntN(2) == 0 {
		return 0
	}
	if n := len(g.leases); n > 0 && g.rng.IntN(10) > 0 {
		return g.leases[g.rng.IntN(n)]
	}
	return 999_999
}

func (g *generator) leaseStep() {
	g.Helper()
	switch id := g.lease(); g.rng.IntN(6) {
	case 0, 1:
		got := g.op(kv.Grant{TTL: hour})
		g.leases = append(g.leases, got.Result.(kv.LeaseInfo).ID)
	case 2:
		if id != 0 {
			g.op(kv.Revoke{Lease: id})
		}
	case 3:
		if id != 0 {
			g.op(kv.KeepAlive{Lease: id})
		}
	default:
		g.op(kv.Leases{Lease: id})
	}
	if len(g.leases) > 8 {
		g.leases = g.leases[1:]
	}
}

// pastStep reads at one of the last revisions, or the one after them.
func (g *generator) pastStep() {
	g.Helper()
	at := g.model.Rev()
	back := g.rng.Uint64N(30)
	if at.Lo <= back {
		return
	}
	at.Lo = at.Lo + 1 - back
	op := kv.Op(g.scan())
	if g.rng.IntN(2) == 0 {
		op = kv.Get{Key: g.key()}
	}
	if at.Compare(g.first) > 0 {
		g.follow(kv.Request{At: at, Op: op})
	}
}

// sessionStep sends a new write in a session, or one of the last again.
func (g *generator) sessionStep() {
	g.Helper()
	if len(g.sessions) < 3 {
		got := g.op(kv.OpenSession{TTL: hour})
		g.sessions = append(g.sessions, &randomSession{id: got.Result.(kv.SessionInfo).ID})
	}
	s := g.sessions[g.rng.IntN(len(g.sessions))]
	if n := len(s.sent); n > 0 && g.rng.IntN(2) == 0 {
		g.follow(s.sent[g.rng.IntN(n)])
		return
	}
	op := g.any()
	if kv.ReadOnly(op) {
		op = kv.Put{Key: g.key(), Value: g.value()}
	}
	s.seq++
	if s.seq-s.acked > 1 && g.rng.IntN(4) == 0 {
		s.acked += 1 + g.rng.Uint64N(s.seq-s.acked-1)
	}
	req := kv.Request{Session: s.id, Seq: s.seq, Acked: s.acked, Op: op}
	g.follow(req)
	s.sent = append(s.sent, req)
	if len(s.sent) > 6 {
		s.sent = s.sent[1:]
	}
}
