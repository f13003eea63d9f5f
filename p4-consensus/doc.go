// Package consensus is the room of stage 4: a hand-written Paxos, first for one
// decision and then for a log of them, with snapshots, leases and
// reconfiguration.
//
// It will hold paxos (the core), rsm (propose a command and wait for what became
// of it), and the commands kvd and sim. What it promises is linearizable,
// durable state that survives f of 2f+1 servers.
//
// Nothing of it is built yet. It comes with the fourth stage.
package consensus
