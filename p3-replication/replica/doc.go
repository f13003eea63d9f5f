// Package replica runs a bayou.Server in the real world: in a goroutine of its own, its
// records in a log on a disk, its messages in one-way frames between peers. It takes what it
// is asked ([Replica.Ask], [Replica.Submit]) whether or not it can reach anybody.
//
// # One write
//
//	Ask(put x 1) ── run.Loop ── bayou.Server: stamped, done ── Learned ── Log.Sync ──▶ the answer
//	                               │  Offer ── wire.Peers ──▶ those that are told of news
//	                               │  Want ◀── one of them, which lacks the write
//	                               ▼
//	                             Batch ──▶ it does the write too, and tells others
//
// # Who is dialled
//
// The servers that were born and have not retired, as the writes tell that are known here, and
// those of the Config. A server whose birth a peer has not heard of is a stranger there, and
// peers take no frames from strangers. So whoever cannot reach a peer by a connection makes a
// call from time to time, which the same port takes ([Replica.Register]): it tells the number
// and address of who calls, and is answered with who is there. For a while the peer then takes
// the caller for one that it may speak to, and hears of its birth. So a newcomer needs to be in
// nobody's configuration, and any two servers that can reach each other bring each other up to
// date, even if all through whom they could have met are gone.
//
// Who has no peers in its Config asks those of Config.Join first who is there.
//
// # How far the others are
//
// A probe.Probe in a loop beside the server's pings those who are dialled. What it sees is the
// answer to kv.Probe, and the server is told of it: when there is no news, it seeks out near
// servers more often than far ones, as [Config].Near says, and all of them now and then. The
// nearest one, which changes only for a clear and lasting difference, is where a replica that
// leaves sends those who ask.
//
// # When it ends
//
// A failed sync or a panic ends the replica, and [Config].Fail is told: what is on the disk is
// not known then, and the process should end too. So it should when the server has retired and
// another knows it ([ErrRetired]).
//
// One who is to stop in good order calls [Replica.Leave] first. It keeps its name: it is away,
// and not retired.
package replica
