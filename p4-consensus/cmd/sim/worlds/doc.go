// Package worlds names the worlds in which stage 4's replicas are run: cmd/sim runs its own
// replicas in them, and cmd/judge a submission's. A seed gives the same run in both, so that a
// student can look at what the judge has seen.
//
// In each world replicas of stage 1's table agree by Paxos, and stage 1's clients stand before
// them, who ask any of them. The worlds differ in how many replicas there are, in how these are
// configured, in what strikes them, and in what an operator asks of them.
package worlds
