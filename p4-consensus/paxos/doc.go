// Package paxos is a replicated log: replicas that agree on one order of commands, and stay
// so as long as a quorum lives. It follows Lamport, "Paxos Made Simple" (PMS), and Van
// Renesse and Altinbuken, "Paxos Made Moderately Complex" (PMMC). It is a core: a pure
// machine, without clock, goroutine or I/O.
//
// # One slot
//
// The log has slots 1, 2, 3, …, and each is an instance of single-decree Paxos (PMS 2.2; the
// package paxos/single has it alone). A leader takes a ballot above all that it has seen.
//
//	phase 1   Prepare{b} →    ← Promise{b, votes}     no vote below b any more; what was voted
//	phase 2   Accept{b, v} →  ← Accepted{b}           v is that of the highest vote told of
//
// A value is chosen when a quorum has voted for it in one ballot. Any two quorums, one of
// each phase, have a member in common: so whoever leads later is told of it.
//
// # All slots
//
// Phase 1 is run once for all slots that are not known to be chosen; then phase 2 is run for
// each value (PMS 3). A new leader completes first what promises told of, and fills the gaps
// between with no-ops. Then it proposes what it is asked, many commands in a value, at most
// Alpha slots ahead of what is chosen. Each Accept and each Beat tells up to which slot all is
// chosen, and a follower that has voted for a slot in the leader's very ballot knows its value.
//
// # Files, in the order to read them
//
//	proto/       ballots, groups, values, messages, records
//	service.go   the state that is replicated, and how it is spoken to
//	replica.go   the machine: what comes in goes to one of the following
//	acceptor.go  promises and votes (PMMC 2.2; A1 to A3)
//	candidate.go phase 1: who leads next (PMMC 2.3, the scout)
//	leader.go    phase 2: what is proposed (PMMC 2.3, the commander)
//	learner.go   what is chosen, in order; execution (PMMC 2.1)
//	ask.go       commands, forwarded to the leader and executed once
//	read.go      reads round the log (PMMC 4.4)
//	member.go    who is in the group, and how that changes (PMS 3)
//	snapshot.go  what replaces old slots (PMMC 4.2)
//	load.go      what the disk kept
//	look.go      what the world may look at between two steps
//
// # Who is trusted
//
// Members trust each other: one may stop, forget what it had not saved, be slow or be cut
// off, but it does not lie (the crash model). Bytes that are no message are refused, and so is
// who speaks in another's ballot; a member that votes against its promise is not found out.
//
// # What is saved before what is said
//
//	Promised before Promise      or an old ballot would get a vote after a newer one's phase 1
//	Voted before Accepted        or a later leader would not hear of what was chosen
//	Promised before Prepare      or a ballot would be used for two values
//	Born before the first command, or a number would name two commands
//
// A record that is damaged may have been any of these. The replica then takes a new name for
// its disk and votes no more, until the group has taken up that name in place of the old.
//
// # Where it leaves the papers
//
// Ballots, not views or terms; one machine plays all roles of PMMC. Quorums may be of two
// sizes (Howard, Malkhi and Spiegelman, "Flexible Paxos"). A promise is withheld for a while
// from others when a leader was just heard, on which leases rest. Members are disks, not
// nodes. Commands are made unique by who was asked, so that any replica may pass them on as
// often as it likes.
package paxos
