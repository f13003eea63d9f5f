// Package consensus is the room of stage 4: a hand-written Paxos, first for one decision and
// then for a log of them, with snapshots, leases and reconfiguration. What it promises is
// linearizable, durable state that survives f of 2f+1 servers.
//
// Package paxos is the core and spec says what it must keep; rsm runs it in the real world, as
// the server cmd/kvd does, and cmd/sim in the simulator. Other states behind the same log are
// lock, and logs, a shared log of which rsm/paxoslog makes a loglet.Loglet.
package consensus
