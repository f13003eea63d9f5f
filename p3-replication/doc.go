// Package replication is the room of stage 3: replicas that accept writes while cut off from
// each other and agree later, after Bayou. What it promises is eventual consistency with session
// guarantees, and that who is cut off goes on.
//
// Package bayou is the core, vector its logical time, and spec says what it must keep; replica
// runs it in the real world, as the server cmd/kvd does, and world in the simulator, as cmd/sim
// does. Package procedure runs the programs that writes bring along, cmd/rooms is an application
// that lives by them. Beside it stand gossip (epidemics; cmd/epidemic) and topology (distances,
// partners, trees; cmd/overlay).
//
// A client of cloud object stores (objstore) and blobs between replicas (sync) come after them.
package replication
