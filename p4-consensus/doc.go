// Package consensus is the room of stage 4: a hand-written Paxos, first for one decision and
// then for a log of them, with snapshots, leases and reconfiguration. What it promises is
// linearizable, durable state that survives f of 2f+1 servers.
//
// Package paxos is the core, and cmd/sim runs it in the simulator. The servers come next.
package consensus
