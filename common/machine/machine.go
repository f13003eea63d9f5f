// Package machine states the one shape that every protocol of this workspace
// has: a pure function from an input to what the world must do about it.
//
// A [Machine] holds no goroutine, clock, randomness, map order or I/O. Two
// worlds drive it: package run (goroutines, sockets, fsync) and package sim (one
// goroutine, one seed). Whatever a machine may do is written on this page.
//
// # What the world promises
//
//   - Steps of one machine happen one at a time, each [Out] obeyed in step order.
//   - Save, then send, then reply: what is in Save is durable before anything that
//     follows it in Send or Reply leaves. An Out without Save still waits for
//     earlier saves. What is marked Early waits for nothing.
//   - A machine starts with one [Load] for each record that it saved and did not
//     trim, in order, then one [Ready]; nothing else comes before Ready.
//   - Sends are lossy: an envelope may be lost, repeated, late or out of order. An
//     envelope to oneself is lost only by a crash. With After it is a timer, and
//     without it leaves after the save like any other: so a machine learns that
//     something of its own is durable.
//   - Now never goes backwards and is read after the input has left its queue.
//   - [Link] is a hint: it may come late, falsely or never.
//
// # What the machine promises
//
//   - It answers each [Ask] at most once, at any later step, and forgets it on
//     [Cancel].
//   - It keeps nothing of an input that the world may reuse and hands out nothing
//     that it will change later: data goes in and out by value or is immutable.
//   - Whatever bytes came in, it does not panic.
package machine

// Time is a reading of a monotonic clock, in nanoseconds since a start that
// differs from node to node, or a span of such time. Two nodes' readings must
// not be compared.
type Time int64

// Spans of time.
const (
	Microsecond Time = 1e3
	Millisecond Time = 1e6
	Second      Time = 1e9
)

// Node names one participant: a process with a disk and a life of its own, that
// crashes as a whole. 0 is no node.
type Node uint64

// Addr names one machine or flow: several share a node under different roles.
type Addr struct {
	Node Node
	Role string
}

// Data is what machines exchange, save and answer: an immutable value that knows
// its bytes. AppendTo appends the canonical encoding, which starts with the
// value's kind; a [Protocol] turns it back into the value.
type Data interface {
	AppendTo(b []byte) []byte
}

// Machine is a protocol's part at one address.
type Machine interface {
	// Step takes one input and appends to out what the world must do about it.
	// It must not keep out.
	Step(in In, out *Out)
}

// In is one input: what happened, when, and 64 fresh random bits.
type In struct {
	Now   Time
	Rand  uint64
	Event Event
}

// Event is one of Load, Ready, Recv, Ask, Cancel, Link.
type Event interface{ event() }

// Load hands back one record that was saved before a crash. Damaged tells that a
// record stood here whose bytes are lost: Record is nil then, and later records
// may still follow, for damage is not the end of the log.
type Load struct {
	Seq     uint64 // the first record ever saved has 1, each later one 1 more
	Record  Data
	Damaged bool
}

// Ready ends the loading. Fresh tells that the disk was empty: this machine has
// never saved anything here, or lost all of it.
type Ready struct{ Fresh bool }

// Recv is a message that arrived. From is what the transport authenticated.
type Recv struct {
	From Addr
	Msg  Data
}

// Ask is a local request for a service: a command that wants an answer.
type Ask struct {
	ID  uint64 // never used before at this machine since it started
	Cmd Data
}

// Cancel tells that nobody waits for the answer to an Ask any more. What was
// asked for may still happen.
type Cancel struct{ ID uint64 }

// Link hints that a connection to a peer came up or went down.
type Link struct {
	Peer Node
	Up   bool
}

func (Load) event()   {}
func (Ready) event()  {}
func (Recv) event()   {}
func (Ask) event()    {}
func (Cancel) event() {}
func (Link) event()   {}

// Out is what the world must do, in the order save, send, reply. Outs of several
// steps are joined by appending.
type Out struct {
	Save  []Data // records, made durable in order
	Send  []Envelope
	Reply []Answer
	Trim  uint64 // records before this Seq are no longer needed; 0 trims nothing
	Note  []Fact // for people and traces; the world does not act on it
}

// Envelope is a message on its way out.
type Envelope struct {
	To    Addr
	After Time // only to oneself: how long it waits, a timer
	Early bool // need not wait for the saves of this or earlier steps
	Msg   Data
}

// Answer ends one Ask.
type Answer struct {
	ID    uint64
	Early bool // need not wait for the saves of this or earlier steps
	Data  Data
}

// Fact is something that a machine says about itself. A fact may accuse (a broken
// invariant) but never acquit: judges read Ins and Outs.
type Fact struct {
	Name string // the rule or event, a fixed word: "chosen", "violated"
	Text string
}

// Reset empties the Out and keeps its memory.
func (o *Out) Reset() {
	save, send, reply := o.Save, o.Send, o.Reply
	clear(save)
	clear(send)
	clear(reply)
	*o = Out{Save: save[:0], Send: send[:0], Reply: reply[:0], Note: o.Note[:0]}
}

// SendTo appends a message for another address.
func (o *Out) SendTo(to Addr, msg Data) { o.Send = append(o.Send, Envelope{To: to, Msg: msg}) }

// Timer appends an envelope to oneself that arrives after the given time.
func (o *Out) Timer(self Addr, after Time, msg Data) {
	o.Send = append(o.Send, Envelope{To: self, After: after, Msg: msg})
}

// Answer appends the answer to an Ask.
func (o *Out) Answer(id uint64, data Data) { o.Reply = append(o.Reply, Answer{ID: id, Data: data}) }

// Protocol is all that a world must know of a role to run it: how to make its
// machine and how to turn bytes back into each kind of its data. Decoders treat
// their input as hostile, accept only what AppendTo writes, and share no memory
// with it. A nil decoder means that the role has no such data.
type Protocol struct {
	Name    string
	New     func(self Addr, config []byte) (Machine, error)
	Message func(b []byte) (Data, error) // what it receives
	Record  func(b []byte) (Data, error) // what it saves
	Command func(b []byte) (Data, error) // what it is asked
	Answer  func(b []byte) (Data, error) // what it answers
	Return  func(b []byte) (Data, error) // what others answer to its own Calls
}

// Stopper is a Machine that holds something to be let go when its node stops or
// crashes: the coroutines of flows.
type Stopper interface{ Stop() }
