// Package bayou is the core of stage 3: servers that take reads and writes while they are cut
// off from each other, and come to agree later. A [Server] is a machine.Machine.
//
// The protocol is Bayou's: Terry et al., SOSP 1995 ("'95"); Petersen et al., SOSP 1997
// ("'97"); session guarantees after Terry et al., PDIS 1994 ("'94").
//
// # The protocol
//
// A server accepts a write alone: it stamps it with a clock that is above all stamps that it
// knows (Lamport), puts it into its order of writes, does it, and answers ('95, 5). The
// write is tentative.
//
// Servers tell each other of writes in anti-entropy sessions, which go one way and concern two
// servers ('97, 2). Who asks tells its reach: a vector with the last stamp that it knows of
// each server, and its last commit number. Who answers sends what is beyond, in an order that
// has no gap wherever it ends. So at all times a server knows, of the writes of any server, all
// up to some stamp: the prefix property, on which everything here rests.
//
// All servers put the tentative writes in the order of their stamps. A write that arrives late
// has its place before others that were done already: they are undone, it is done, and they
// are done again ('95, 5). Each time, its check looks whether the update still fits, and if
// not its merge procedure finds another, or it is a conflict, which stops nobody ('95, 4).
//
// One server, the primary, gives writes their final places: commit numbers, in the order in
// which it came to know the writes. Committed writes stand before all tentative ones at every
// server, in the order of their numbers; who knows the write already is sent its number only
// ('97, 3.1). What is read from the committed writes alone is stable. The primary can hand its
// office over, by a write. Or the numbers come from somewhere else: see Config.Order.
//
// Of the committed writes a server keeps some for those who lag. Who lags behind these is sent
// the committed state instead ('97, 3.3), and keeps its own tentative writes.
//
// Servers are born and retire by writes: the birth of a server, accepted by another, names it,
// and everybody who knows the writes of its parent knows whether it was born; who knows of its
// retirement forgets it ('97, 4.3). A server on an empty disk has no name until one bears it.
//
// # Files, in the order to read them
//
//	proto/       writes, messages, records
//	state/       what the writes make: two views, and undoing
//	order/       which writes are known, and in which order
//	server.go    the machine: what comes in goes to one of the following
//	birth.go     how a server gets its name, and gives it up ('97, 4.3)
//	accept.go    writes of clients ('95, 5)
//	settle.go    putting writes in order: undo, do, commit ('95, 5)
//	commit.go    who gives commit numbers ('97, 3.1)
//	entropy.go   anti-entropy ('97, 2 to 3.2)
//	transfer.go  the committed state, for those who lag ('97, 3.3)
//	session.go   session guarantees ('94)
//	ask.go       what clients ask, and waits
//	keep.go      the committed state on the disk, so that old records may go
//	load.go      what the disk kept
//	look.go      what the world may look at between two steps
//
// # What is saved before what is said
//
//	Named before Offer, Want      or two servers would have one name
//	Learned before the answer     or an acknowledged write would be lost
//	Learned before Offer, Want    or others would think that they need not send it again
//	Committed before Batch        or a number would be given twice
//
// # What may happen to a server
//
// It may stop and start again with its disk. If its disk is lost or damaged it is born again
// under another name: what it had accepted and told nobody is lost then, and it says so. A
// primary whose disk is lost takes its office with it: writes stay tentative from then on, and
// who retires is not told that it may go.
//
// The name of a lost disk stays, and is one of MaxServers for good. Nobody else can write its
// retirement: that would say that there is no more to come of it, and a message with its writes
// may still be on its way to somebody, who would then know what all others think they know too.
// Nor can the primary declare its uncommitted writes void, for a birth may be among them, of a
// server that goes on. So let a server retire before its disk is taken away. Where the names of
// lost disks leave no room, nobody is born any more; the servers that are there go on.
package bayou
