// Package lock is a lock service as replicated state: who holds which lock, agreed on by the
// log of package paxos. It follows Burrows, "The Chubby lock service for loosely-coupled
// distributed systems" (OSDI 2006). It is a core.
//
// # Sessions and leases
//
// A client opens a session under a number that it draws at random and uses for no other
// session, and keeps it alive by Renew. What a session holds, and what it waits for, it holds and waits for as long as it
// lives. Its lease ends by the log's time, which all replicas read alike: never by the clock
// of one of them. Whoever asks counts a lease by his own clock from when he asked, not from
// when he was answered, and less by what his clock may drift.
//
// # Fencing
//
// A lease protects nothing by itself. A client may be paused after it has looked at its
// clock, and write when another one has long had the lock. So each grant has a token, greater
// than all before, of any lock; the client shows it with each write, and what is guarded
// refuses a token that is less than the greatest it was shown (Kleppmann, "How to do
// distributed locking", 2016; Chubby's sequencers, section 2.4). The service's part is that
// tokens grow in the order of grants, whatever crashes.
//
// # Once
//
// A session numbers its Acquires and Releases from 1 and has one under way at a time. A
// command that comes again is answered from memory; one that comes late, when a higher number
// has been executed, is Stale and does nothing: a Release that got lost on its way will not
// end a later hold.
//
// # Waiting
//
// Who waits for a lock stands in its queue and is granted it in turn, when the holder
// releases it or his session ends. He learns of it by a Query that waits.
//
// # Bounds
//
// At most MaxSessions sessions, each with MaxLocks locks that it holds or waits for, and
// MaxWaiters sessions in a queue: beyond that a command is Full, and nothing has changed.
package lock
