// Package rsm runs a replica of a replicated state machine in the real world: a
// paxos.Replica in a goroutine of its own, its records in a log on a disk, its messages in
// one-way frames between peers. Whoever has a command proposes it and waits
// ([Replica.Ask], [Replica.Submit]), at any replica; what language the commands are in,
// and what state they change, package rsm does not know.
//
// # One command
//
//	Ask(put x 1) ── run.Loop ── paxos.Replica ── Forward ──▶ the leader
//	                               │  Accept ◀── wire.Peers ── Accept to all
//	                               │  Voted ── Log.Sync ── Accepted ──▶ the leader
//	                               ▼
//	                            executed in its slot ── the answer
//
// # Who is dialled
//
// The groups in the log say who the peers are and where they listen. The replica looks
// after each change of its role or group, and at each heartbeat: whoever was added is
// dialled; who was removed is let go when no group counts any more that has it, after a
// while in which it can learn of that.
//
// One who wants to join is no peer yet, and peers take no frames from strangers. So it first
// asks a member by a call, which the same port takes ([Replica.Register]): the call tells
// the number and address of who comes, and is answered with the group. For a while the
// member then takes it for a peer. The newcomer calls every member again from time to time
// until it votes, for members forget it when they are started anew.
//
// # When it ends
//
// A failed sync or a panic ends the replica, and [Config].Fail is told: what is on the disk
// is not known then, and the process should end too. So does a replica that the group has
// removed, or given another disk ([ErrRemoved]).
//
// One who is to stop in good order calls [Replica.Leave] first: it takes no more requests,
// waits for those it has, and lets another lead, so that nobody needs to miss it.
package rsm
