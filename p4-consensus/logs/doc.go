// Package logs is a shared log as replicated state: entries at positions, which the log of
// package paxos agrees on. It keeps what loglet.Loglet promises; package rsm/paxoslog makes
// one of it that clients can hold. It is a core.
//
// # A log in a log
//
// The log of package paxos is the group's own: it never ends, and replicas trim it as they
// take snapshots. This one is its clients': positions are counted from 1 without a gap, it is
// trimmed and sealed by command, and reads are answered from it. An Append is one command, so
// that its entries stand side by side, and the appends of many clients share a slot.
//
// # Once
//
// The replica that is asked for an Append sends it again and again until it is executed, and
// always under one name (proto.Origin): however many slots hold it, its entries stand in the
// log once. Whoever is not told how his Append ended (his replica has crashed, or has waited
// for a quorum for too long) does not know, and no state remembers it for him: that is
// loglet.ErrMaybe, and to ask again is another Append.
//
// # Seal
//
// A Seal is a command like the others: what comes after it in the order of the group is
// refused, at all replicas alike. So it needs no protocol of its own, and ends all doubt: an
// Append that was under way is before the final tail or will never be.
//
// # Reads
//
// What a position holds never changes, and yet a Read is not answered by a replica as it
// stands: one that lags would read what is trimmed. All reads are confirmed by a quorum.
//
// # Streams
//
// For each of its entries the log keeps which streams it belongs to, and so tells the
// positions of one of them backwards (loglet.Streamer).
//
// # Bounds
//
// The log holds at most MaxHeld bytes, counted with what an entry costs beside its body. An
// Append beyond that is Full and changes nothing, until something is trimmed: the log belongs
// to its clients, who alone know what they need no more. All of it is in the memory of each
// replica, and in each snapshot: where much is kept, paxos.Config.Snapshot should be as large.
// What an Append has brought is let go when all of it is trimmed.
package logs
