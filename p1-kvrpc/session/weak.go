package session

import (
	"dss.example/common/kv"
	"dss.example/common/machine"
)

// This file is about servers that take writes while they are cut off from each other: they
// offer no sessions as OpenSession makes them, and may lack what their caller has seen.

// goWithout comes when the servers have refused to open a session because they offer none.
// What waits for one goes without.
func (m *Machine) goWithout(out *machine.Out) {
	m.without, m.session = true, nil
	for m.writes.len() > 0 {
		o := m.writes.peek()
		if o.closing() {
			m.finish(o, kv.Refuse(kv.NoSession, "no session is open"), out)
			continue
		}
		o.class = once
		m.free.push(m.writes.pop())
	}
}

// take takes the answer to one attempt that is in doubt. Unsatisfied is a refusal like
// Unavailable: this server lacks what the caller's Token names, and another may have it, or
// this one later.
func (m *Machine) take(o *op, attempt int, resp *kv.Response, out *machine.Out) {
	if resp.Status != kv.Unsatisfied {
		m.answer(o, attempt, resp, out)
		return
	}
	o.doubt &^= 1 << attempt
	o.refusal = resp
	m.failed(o, attempt, resp, out)
}
