// Package vector is logical time for replicas that come and go: accept stamps, the clock
// that gives them, and vectors that tell which writes a replica has seen.
//
// # Stamps
//
// Each replica has a [Clock] that counts (Lamport, Time, Clocks, and the Ordering of Events,
// 1978). A write gets a [Stamp] where it is accepted: the clock's next reading and the
// replica's name. Whoever receives a write shows its stamp to the clock, so that what is
// accepted later is stamped later: a cause is ordered before its effects. Stamps are ordered
// by time, then by server, so that no two writes ever tie.
//
// # Vectors
//
// A [Vector] has an entry a server: the highest stamp seen of those it has given. A replica
// that receives each server's writes in order, without gaps, needs no more than that to
// tell any write it has from any that it lacks.
//
// Vectors are ordered only in part. One is [Before] another when it is nowhere above it and
// somewhere below. Two that are each above the other somewhere are [Concurrent]: each has
// something that the other lacks, and neither is the older.
//
// # Servers that come and go
//
// A server is created by a write at another server and takes its name from that write's stamp
// (Petersen et al., Flexible Update Propagation for Weakly Consistent Replication, SOSP '97,
// section 4.3): the child that 0 creates at time 5 is 0.5. When it retires, by a write too,
// its entry is removed. An entry that is missing may therefore mean that all of a server's
// writes are known, or none, and the names tell which: who has seen the creating write once had
// the entry, so it was removed; who has not seen it has never heard of the server.
// [Vector.Complete] answers this, [Vector.Knows] and [Vector.Join] reckon with it. Compare and
// Merge look only at the entries that are there.
//
// # What everybody has
//
// A [Matrix] keeps the vector last heard from each server. The lowest of them tells what all
// have, so that nobody needs to be told of it again: a mark of a deletion may go
// (Wuu and Bernstein, Efficient Solutions to the Replicated Log and Dictionary Problems, 1984).
//
// The zero values of Clock, Vector and Matrix are ready for use. Nothing here is safe for use by
// several goroutines at a time.
package vector
