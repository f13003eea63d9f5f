// Package collect is the garbage collection of a store: what no head leads to any more is
// deleted, and its space given back.
//
//	mark      from all heads, along all links: what is reached stays
//	sweep     of the rest, delete what has been on the list of the condemned for long
//	          enough, and put on it what is new there
//	compact   copy what lives out of packs that are mostly dead, and remove those
//
// # While others write
//
// Whoever adds something puts blobs first, and then points a head to the one that leads
// to them. In between nothing leads there, and it must not be swept. Two things see to
// that.
//
// The first is the mark of the pack.Store, taken before any head is looked at: what is
// put or touched after it is spared, also if it was there before. So it does no harm that
// heads move while the collector marks: what they lead to then was reached from where
// they were, or was put since.
//
// The second is the grace, for those who have put their blobs before the mark. A blob is
// swept only if a collection has found it unreachable at least so long ago, and each
// collection since has found it so again. So the grace must be longer than anybody takes
// from a put to the head. A put or touch of what is there begins its grace anew, if it
// comes before the head by more than one collection too.
//
// Nobody is told when a head leads again to what none led to, such as a branch that is
// set back to a snapshot it had left: who does that touches all of it first.
//
// # The list
//
// The condemned stand, each with the time since when, in a tree (p2-persist/tree) to which
// the head "gc/condemned" points. So the grace goes on from one process to the next, and
// a crash leaves the list as it was or as it is to be. What it does not know is what a
// process put again and never pointed a head to before it ended: that stays condemned
// since the first time, and may be gone when the next process comes to use it. So who
// goes on with what another process has begun puts its blobs again.
package collect
