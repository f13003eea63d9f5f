package explore

import "dss.example/common/machine"

// Prompted is a protocol of machines whose disk is as quick as they are: what one tells itself,
// without a timer, it hears in the same step. It makes runs shorter.
func Prompted(p *machine.Protocol) *machine.Protocol {
	quick := *p
	quick.New = func(self machine.Addr, config []byte) (machine.Machine, error) {
		m, err := p.New(self, config)
		return prompt{m, self}, err
	}
	return &quick
}

type prompt struct {
	machine.Machine
	self machine.Addr
}

// Step implements machine.Machine.
func (m prompt) Step(in machine.In, out *machine.Out) {
	m.Machine.Step(in, out)
	for i := 0; i < len(out.Send); {
		e := out.Send[i]
		if e.To != m.self || e.After > 0 {
			i++
			continue
		}
		out.Send = append(out.Send[:i], out.Send[i+1:]...)
		in.Event = machine.Recv{From: m.self, Msg: e.Msg}
		m.Machine.Step(in, out)
	}
}
