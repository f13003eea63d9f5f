// Package paxos is single-decree Paxos as three small machines: test material for
// package explore and for the simulator, and the shortest thing to read before
// stage 4. It follows Lamport, "Paxos Made Simple", section 2.
//
//   - An acceptor promises and votes, each saved before it is told (2.2).
//   - A proposer is asked to [Propose] a value: it takes its next ballot, collects
//     promises of a majority, and asks for votes on the value of the highest vote
//     reported, or on its own when none was.
//   - A learner is asked to [Learn] and answers [Chosen] once a majority voted in
//     one ballot (2.3).
//
// # Where it leaves the paper
//
// Ballots start at 1, so that 0 means "none". Ballot numbers are dealt out in
// turn: proposer i of n has i, i+n, i+2n, … A promise is given once per ballot; an
// acceptor answers a repeated prepare request with silence, as Lamport's
// specification does, so a lost promise is made good by a higher ballot only.
// A proposer starts a ballot when it is asked to and at no other time: without
// timers there is safety and no progress of its own.
//
// # Bugs
//
// [Config].Bug plants one classic mistake. The tests hold the explorer to finding
// every one of them.
package paxos
