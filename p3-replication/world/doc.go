// Package world names the worlds in which stage 3's servers are run by the simulator. They
// differ in how many servers there are and how these are configured, in who gives commit
// numbers, in what strikes the servers, and in what clients and an operator ask of them.
//
// # Who is there
//
//	bayou     a server at each of the nodes 1 to n; a client beside each, which stays there
//	order     in one world: who gives commit numbers instead of a primary
//	traveller in some: a client's session, which goes from server to server with its token
//	auditor   answers when all servers have told the same, and that all of it is stable
//
// # Judges
//
// Package spec looks at every step of the servers, the guarantees of package check at what
// travellers were told, also where their sessions have waived one. That all agree at last is the
// auditor's answer: in a run with liveness it is due within Soon after the last fault, like every
// other.
//
// # Files, in the order to read them
//
//	worlds.go     the worlds
//	clients.go    what clients ask
//	tiny.go       the language of their programs, where it is not Starlark
//	traveller.go  sessions
//	auditor.go    who waits until all agree
//	sequencer.go  who gives commit numbers, in the world without a primary
//	judge.go      who judges a run
package world
