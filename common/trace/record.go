// Package trace is what every viewer, grader and replay reads of a run: one
// [Record] a step, as a line of JSON each.
package trace

import "dss.example/common/machine"

// Kind says what a Record tells of.
type Kind string

// A step of a machine has the kind of its event; the rest are acts of the world.
const (
	Load   Kind = "load"
	Ready  Kind = "ready"
	Recv   Kind = "recv"
	Timer  Kind = "timer" // an envelope to oneself
	Ask    Kind = "ask"
	Cancel Kind = "cancel"
	Link   Kind = "link"

	Drop      Kind = "drop"      // a message was lost
	Duplicate Kind = "duplicate" // a message will arrive once more
	Cut       Kind = "cut"       // Addr.Node hears no more from From.Node
	Heal      Kind = "heal"      // From.Node reaches Addr.Node again
	Crash     Kind = "crash"
	Restart   Kind = "restart"
	Wipe      Kind = "wipe" // a restart with an empty disk
	Pause     Kind = "pause"
	Resume    Kind = "resume"
	Clock     Kind = "clock"   // the node's clock jumps or drifts
	Violate   Kind = "violate" // an invariant is broken: Data says which
)

// Record is one step of one machine, or one act of the world.
type Record struct {
	N       int          `json:"n"`             // from 0
	At      machine.Time `json:"at"`            // virtual time of the world
	Addr    machine.Addr `json:"addr"`          // whom it happened to; Role is empty for a whole node
	Kind    Kind         `json:"kind"`          //
	From    machine.Addr `json:"from,omitzero"` // Recv: the sender; Cut, Heal: the far node
	Msg     uint64       `json:"msg,omitempty"` // Recv, Timer, Drop, Duplicate: the Sent.ID it was sent under
	ID      uint64       `json:"id,omitempty"`  // Ask, Cancel: of the request
	Data    string       `json:"data,omitempty"`
	Saved   []string     `json:"saved,omitempty"`
	Sent    []Sent       `json:"sent,omitempty"`
	Replied []Reply      `json:"replied,omitempty"`
	Trim    uint64       `json:"trim,omitempty"`
	Notes   []Note       `json:"notes,omitempty"`
	Change  []string     `json:"change,omitempty"` // of the machine's state: lines "- old" and "+ new"
}

// Sent is an envelope that left in a step. ID is unique in the trace.
type Sent struct {
	ID    uint64       `json:"id"`
	To    machine.Addr `json:"to"`
	After machine.Time `json:"after,omitempty"`
	Data  string       `json:"data"`
}

// Reply is an answer to a local request that left in a step. An answer to a call
// from elsewhere is a Sent.
type Reply struct {
	ID   uint64 `json:"id"`
	Data string `json:"data"`
}

// Note is a machine.Fact.
type Note struct {
	Name string `json:"name"`
	Text string `json:"text,omitempty"`
}
