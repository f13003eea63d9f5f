// Package stage3 compares the replication of stage 3 with its peers: replicas that take
// writes of 100 bytes while they are cut off from each other, and come to agree later.
//
//   - converge: two replicas with 10,000 writes each meet, and the rate is that of
//     deliveries until both have the same: ours beside Yjs, Automerge, PouchDB, the push
//     and pull of hashicorp/memberlist, and a probe that only exchanges version vectors and
//     what is beyond them: the floor;
//   - visible: one write at one of five idle replicas, until all five show it;
//   - loss: all that was said of a write to one of five is lost, until it shows it;
//   - replay: two replicas with m writes each, all tentative, meet, so that both undo and do
//     again what comes behind a write of the other's.
//
// # What is fair
//
// Both replicas of a pair live in one process, the driver's, and speak over TCP, but for
// PouchDB's, which copy from one database in memory to the other: that is less work. Nobody
// keeps anything on a disk in converge. A process of Node.js has one thread for both
// replicas where a Go process has as many as there are cores: the processor time of a
// delivery is beside its rate. Every write is a key of its own, and one change of its own
// wherever a peer has changes.
//
// The clock begins when the replicas may speak and ends when both have all 20,000 writes.
// For ours the connection belongs to that time, and the end is told by reads in sessions
// that have seen the last write of the other side. Ours is durable elsewhere, so in visible
// and loss it has its logs on the disk, as kvd has them.
//
// A profile shows the making of pairs too: the meetings alone are too short for one.
//
// The keys of both sides are counted after the clock: a peer that does not come to agree has
// failed. Of ours also the hashes have to be equal, with all numbers given.
//
// # What ours is told
//
// All is as kvd has it, but: writes are made in a life of the replicas in which they speak
// to nobody; of committed writes as many are kept as there are, for with the 10,000 that
// kvd keeps the whole state would travel in their place; and reads wait for what they have
// seen as long as it takes.
//
// # Bytes and growth
//
// Moved is all bytes that the replicas write to their connections until their hashes are
// equal, numbers too, for each byte that the writes take which were missing, as they are
// encoded in a message.
//
// Growth is the exponent of a line, fitted in logarithms through the figures of m from 1,000
// to 16,000, of what a meeting costs: of the writes that are done and undone, or of the
// processor time, whichever is greater. m log m grows by 1.12 in that range.
//
// # Loss
//
// Frames to one replica vanish, while its connections stay. When the others have the write,
// and what they say has vanished, frames arrive again, and nobody knows that any did not:
// what is left is anti-entropy, which stage 3 promises within one period (bayou.Config's
// Interval, 500 ms by default).
package stage3
