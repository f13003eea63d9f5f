package world

import (
	"fmt"

	"dss.example/common/cbor"
	"dss.example/common/kv"
	"dss.example/common/machine"
)

const roleTraveller = "traveller"

// traveller is a session that asks any server, each time perhaps another, and carries its token
// along. What is refused it asks elsewhere; what is not answered it asks again if it is a read,
// and gives up as unknown if it is a write.
type traveller struct {
	self    machine.Addr
	servers uint64
	token   []byte

	ask   uint64 // of its client, that is open; 0: none
	req   kv.Request
	tries int
	call  uint64 // the last
}

const (
	travellerPatience = 300 * machine.Millisecond // with one server
	travellerTries    = 8                         // after which it is told what the last server said
)

// due is a traveller's timer: the call that it waits for is over.
type due struct{ call uint64 }

// AppendTo implements machine.Data.
func (d due) AppendTo(b []byte) []byte { return cbor.AppendUint(b, d.call) }

func decodeDue(b []byte) (machine.Data, error) {
	r := cbor.NewReader(b)
	d := due{r.Uint()}
	return d, r.Close()
}

func travellerProtocol() *machine.Protocol {
	return &machine.Protocol{
		Name: roleTraveller, Message: decodeDue, Command: decodeRequest, Answer: decodeResponse, Return: decodeResponse,
		New: newTraveller,
	}
}

// newTraveller returns one whose session wants all guarantees but those that the configuration
// waives.
func newTraveller(self machine.Addr, config []byte) (machine.Machine, error) {
	t := &traveller{self: self}
	if len(config) == 2 {
		t.token = (kv.AllGuarantees &^ kv.Guarantees(config[1])).Token()
		config = config[:1]
	}
	var err error
	t.servers, err = serversIn(config)
	return t, err
}

func decodeRequest(b []byte) (machine.Data, error)  { return kv.DecodeRequest(b) }
func decodeResponse(b []byte) (machine.Data, error) { return kv.DecodeResponse(b) }

// serversIn reads the configuration of those who ask servers.
func serversIn(config []byte) (uint64, error) {
	if len(config) != 1 || config[0] == 0 {
		return 0, fmt.Errorf("a configuration of %d bytes: want one, the number of servers", len(config))
	}
	return uint64(config[0]), nil
}

// Step implements machine.Machine.
func (t *traveller) Step(in machine.In, out *machine.Out) {
	switch e := in.Event.(type) {
	case machine.Ask:
		t.ask, t.req, t.tries = e.ID, *e.Cmd.(*kv.Request), 0
		t.try(in.Rand, out)
	case machine.Cancel:
		t.ask = 0
	case machine.Recv:
		switch m := e.Msg.(type) {
		case due:
			if m.call == t.call && t.ask != 0 {
				t.late(in.Rand, out)
			}
		case machine.Return:
			if resp, ok := m.Data.(*kv.Response); ok && m.ID == t.call && t.ask != 0 {
				t.answered(resp, in.Rand, out)
			}
		}
	}
}

// try asks some server.
func (t *traveller) try(rand uint64, out *machine.Out) {
	t.call++
	t.tries++
	req := t.req
	req.Token = t.token
	out.SendTo(Server(int(rand%t.servers)+1), machine.Call{ID: t.call, Cmd: &req})
	out.Timer(t.self, travellerPatience, due{t.call})
}

// late goes on without an answer.
func (t *traveller) late(rand uint64, out *machine.Out) {
	if kv.ReadOnly(t.req.Op) && t.tries < travellerTries {
		t.try(rand, out)
		return
	}
	t.end(kv.Refuse(kv.Maybe, "no answer"), out)
}

// answered ends the request, or goes on to another server.
func (t *traveller) answered(resp *kv.Response, rand uint64, out *machine.Out) {
	refused := resp.Status == kv.Unavailable || resp.Status == kv.Overloaded || resp.Status == kv.Unsatisfied
	if refused && t.tries < travellerTries {
		t.try(rand, out)
		return
	}
	if refused && !kv.ReadOnly(t.req.Op) {
		resp = kv.Refuse(kv.Maybe, "refused, but a copy that the network has made may be done yet")
	}
	if len(resp.Token) > 0 {
		t.token = resp.Token
	}
	t.end(resp, out)
}

func (t *traveller) end(resp *kv.Response, out *machine.Out) {
	out.Answer(t.ask, resp)
	t.ask = 0
	t.call++ // what comes of the last one is not heard
}
