// Package session is the client's half of at-most-once: it sends what it is asked
// to a server, again if need be, until it knows what became of it. It is a core, a
// [Machine]: Ask{kv.Request without session} in, machine.Call to a server and
// machine.Return from it, Answer{kv.Response} out.
//
// # Modes
//
// What a call may mean when messages get lost (Birrell and Nelson 1984, section 3):
//
//	AtLeastOnce   no session; a write is sent again; it may be done twice
//	AtMostOnce    session; a write is sent once, never again; it may be lost
//	ExactlyOnce   session; a write is sent again under the same number, and the
//	              server answers a copy from memory (RIFL, Lee et al., SOSP 2015)
//
// Reads do no harm and are sent again in every mode, without a session. A caller's own
// OpenSession is refused as Unsupported: the session is this client's.
//
// What changes a group (kv.Administers) is sent without a session too, in every mode: no
// session could protect it. In the table below it is a write without.
//
// Servers that offer no sessions refuse OpenSession as Unsupported. From then on writes go
// without, and ExactlyOnce sends one again only when each copy of it was refused: it is done
// at most once still, but stays in doubt where a session would have told.
//
// # Servers
//
// The first server is asked until it refuses as Unavailable or Unsatisfied, does not answer
// in time, or cannot be reached; then the next. If a refusal names one of them in Try, that
// one is asked instead, at once: so a client finds the leader of a group, whichever it asks,
// and a server that has what its caller's Token names.
//
// # Outcomes
//
// Each copy of an operation is one attempt. It is in doubt from when it is sent
// until a definite answer to it arrives; a time-out leaves it in doubt for good.
// "Others" are the attempts of the same operation that are still in doubt.
//
//	what happens                 write, others in doubt  write, no others        read
//	OK                           OK                      OK                      OK
//	NotFound, Conflict, NoLease, TooLarge, Invalid, Unsupported, …
//	  in the session             as it is (1)            as it is                as it is
//	  without                    Maybe (2)               as it is                as it is
//	Unavailable, Overloaded,
//	  Unsatisfied                again; at last Maybe    again; at last as it is again; at last as it is
//	Maybe, no answer, link down  again; at last Maybe    again; at last Maybe    again; at last Unavailable
//	NoSession                    Maybe                   again, new session (3)  -
//	Forgotten                    Maybe                   Maybe                   -
//	breaks the contract          Maybe                   Maybe                   Unavailable
//	time is up, never sent       -                       Unavailable             Unavailable
//
// (1) The server executes one copy and answers all others from memory: what it says
// to one is true of all. (2) The other copy may have been the one that succeeded.
// (3) If less than half the session's TTL has passed since it was first sent, else
// Maybe: the session was then lost before any copy arrived, unless the server's clock
// runs at twice the speed of this one. AtMostOnce answers Unavailable instead.
//
// "Again" means: after a back-off, while the retry budget lasts. An operation all
// whose copies were refused ends with the refusal when the budget is empty; one in
// doubt waits on, because an answer may still come. A refusal speaks for its whole
// attempt: that holds on connections, not where the network itself repeats a Call
// and delivers the copy after the first was refused.
//
// # Sessions
//
// A session is opened before the first write and left to expire when idle: no
// keep-alive is sent, and a session unused for half its TTL is replaced before the
// next write. Acked is the highest number such that all up to it are finished here.
// Finished is whatever will not be sent again: answered, given up, or cancelled. So
// a copy of a cancelled operation that arrives late is executed at most once, or
// not any more, and it never holds up the others. A caller's CloseSession ends the
// session; it should be the last one asked.
//
// # Bounds
//
// Numbers not acknowledged, and separately requests without a session, are at most
// Config.InFlight; more wait, at most Config.Queue, and beyond that an Ask answers
// Overloaded. An operation has at most 64 attempts. Retries take from a token bucket
// (Config.Retries, Config.Burst), so that a server in trouble is not made worse.
package session
