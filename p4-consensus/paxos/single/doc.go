// Package single is Paxos for one decision, with its roles apart: the whole of Lamport,
// "Paxos Made Simple" (PMS), section 2. The replicated log of package paxos is many of these
// at once. It is a core: pure machines, without clock, goroutine or I/O.
//
// # The protocol
//
// Proposers are asked to [Propose] values, and one of these becomes chosen, for ever. A
// proposer tries in ballots of its own, each in two phases (PMS 2.2):
//
//	phase 1   Prepare{b} →     ← Promise{b, last}   to vote in no ballot below b any more
//	phase 2   Accept{b, v} →   Accepted{b, v} →     v is bound by what promises told of
//
// A quorum of promises binds the proposer: it must ask for votes on the value of the highest
// vote that any of them told of, and is free only if none did (P2c). A value is chosen when a
// quorum has voted for it in one ballot. A quorum of the first phase meets every quorum of
// the second, so no later ballot can miss what was chosen. Who comes too late is sent a Nack
// with the ballot that was promised instead, and tries above it.
//
// Learners find out (PMS 2.3) in one of three ways, by [Config].Told: acceptors tell all of
// them; or one distinguished learner, which tells the others; or a set of such learners.
//
// Read message.go, acceptor.go, proposer.go and learner.go, in this order.
//
// # What is saved before what is said
//
//	Kept before Promise    or an old ballot would get a vote after a newer one's phase 1
//	Kept before Accepted   or a later proposer would not hear of what was chosen
//	Used before Prepare    or one ballot would be used for two values
//
// Learners keep nothing: what they forget, they ask for again.
//
// # Progress
//
// Two proposers may outbid each other for ever (PMS 2.4). So each gives its ballot a time that
// is drawn at random, and doubles from one to the next: some ballot is left alone for long
// enough. Nothing is sent twice in a ballot; what was lost is made good by the next. A learner
// that waits asks acceptors for their votes, and then a proposer to run a ballot, without a
// value of its own if it has none: that shows whatever was chosen (PMS 2.3, last paragraph).
//
// # Where it leaves the paper
//
// Ballots are pairs, a round and a node, so that no two proposers share one. Quorums may be of
// two sizes (Howard, Malkhi and Spiegelman, "Flexible Paxos"). An acceptor answers a repeated
// Prepare until it has voted in its ballot. Every record replaces those before it, so that a
// damaged one matters only if it is the last: then an acceptor or proposer takes no part any
// more. A disk that comes back empty has forgotten what it promised, and nobody here notices:
// its node must come back under another number.
package single
