// Package table is the state of a key-value store: keys with versions, leases,
// history, and the sessions that make a retry safe. A [Table] is an app.App, so it
// serves stage 1 alone and later stages behind their logs; a [Machine] is the table
// as a volatile single server. It is a core: pure, without clock or goroutine.
//
// # Revisions
//
// The state has a revision, 1 when it is empty, and one more for each operation
// that changed a key: a transaction makes one however much it writes, and so does
// the end of a lease that had keys. A failed CAS, a Delete of nothing, grants and
// sessions make none. A Response carries the revision of its write, or the present
// one.
//
// # History
//
// Each change is an event that holds what stood before it and what after. An item
// knows the number of the event that made it, so that older states of its key are
// found by walking back from event to event until one is old enough; a key that is
// gone leaves a tombstone for as long as its deletion is remembered. History is
// bounded in events and bytes; the oldest revisions are dropped whole, and reading
// them answers Compacted.
//
// # At most once
//
// The rule of RPC since Birrell and Nelson (1984): a call that is repeated is
// executed once. As in RIFL (Lee et al., SOSP 2015, section 3) the client numbers
// its operations, the completion record lives in the state that the operation
// changes, and it goes when the client acknowledges it:
//
//	seq ≤ acked                    Forgotten: it was finished long ago
//	an answer is remembered        that answer, not executed again
//	too much is remembered         Overloaded, not executed
//	else                           executed, and its answer remembered
//
// Operations of one session come in any order (pipelining). Reads are never
// remembered. Nor is Overloaded, because a later copy may do better. Every use of a
// session, whatever comes of it, renews it.
//
// # Time
//
// Time comes with the operations. Leases and sessions end by the operation Expire
// and only by it, so that an end has its place in the order of writes: a lease
// whose time is over but for which Expire has not been applied yet can still be
// kept alive. [Table.NextExpiry] tells the owner of the order when to issue one.
// Each lease that ends makes a revision of its own, if it had keys.
//
// # Bounds
//
// All bounds are in [Config]. They are part of the state machine: replicas that
// disagree about them would diverge. At a bound the answer is Overloaded, and what
// asked for more was not done; one that no retry could pass answers TooLarge.
//
// # The state as pairs
//
// [Table.View] shows everything that Apply depends on as sorted pairs, by the first
// byte of their keys; values are canonical CBOR:
//
//	e NUMBER      an event: [revision, key, item before or null]
//	k KEY         an item: [value, mod, create, count, lease]
//	l ID          a lease: [ttl, deadline]
//	m             [revision, oldest, next ID, next event, clock]
//	s ID          a session: [ttl, deadline, acked]
//	s ID SEQ      a remembered kv.Response
//
// Numbers in keys are 8 bytes, big-endian. What an event made is the item before
// the next event of the same key, or the present one; a lease's keys are those whose
// items name it.
package table
