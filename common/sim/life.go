package sim

import (
	"dss.example/common/machine"
	"dss.example/common/trace"
)

// Life is one machine outside any world, that is given inputs from elsewhere: from
// the recording of a real server.
type Life struct {
	w   *World
	out machine.Out
}

// NewLife makes the machine. Its steps go to sink, which may be nil.
func NewLife(self machine.Addr, p *machine.Protocol, config []byte, sink func(trace.Record)) (*Life, error) {
	w := newWorld(&Config{Nodes: []Node{{ID: self.Node, Roles: []Role{{Name: self.Role, Protocol: p, Config: config}}}}}, 0, nil)
	if sink != nil {
		w.Trace(sink)
	}
	if !w.makeMachine(w.slots[0]) {
		return nil, w.fail.Err
	}
	return &Life{w: w}, nil
}

// Step gives the machine an input. The Out is valid until the next Step.
func (l *Life) Step(in machine.In) (*machine.Out, error) {
	l.w.now = in.Now
	l.out.Reset()
	c := &call{slot: l.w.slots[0], in: in}
	if err := l.w.stepLocal(c, &l.out); err != nil {
		return nil, err
	}
	l.w.tracer.step(l.w, c, &l.out, l.w.sent+1)
	l.w.sent += uint64(len(l.out.Send))
	return &l.out, nil
}

// Close lets go of what the machine holds.
func (l *Life) Close() { l.w.Close() }
