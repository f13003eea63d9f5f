// Package check judges histories: what clients asked of a store, when, and what
// it answered.
//
// A [Recorder] writes a [History] down while callers run; a checker then says nil,
// or in words which rule was broken by which operations:
//
//   - [Linearizable] and [StrictlySerializable]: one order of all operations that
//     agrees with real time and explains every answer;
//   - [Prefix], [ReadYourWrites], [MonotonicReads], [MonotonicWrites],
//     [WritesFollowReads]: what weaker levels still promise;
//   - [Converged] and [SameHash]: replicas agree at last;
//   - [NoLostWrites] and [Appends]: what was acknowledged is there, and once.
//
// A checker that cannot decide says [ErrNotChecked], which is a fault of the test
// and never a pass.
//
// # Outcomes
//
// An operation that was refused (Unavailable, Invalid, …) did not happen. One that
// never returned, or returned Maybe, NoSession or Forgotten (of which an earlier
// copy may have been executed), may have happened at any time after its call, or
// not at all.
//
// # Witness
//
// Linearizability is hard to check in general (Gibbons and Korach 1997). A store
// that offers revisions tells its order, so that only two things remain to be
// checked: that the order agrees with real time, and that a replay in that order
// gives the same answers. Other stores are searched key by key with porcupine.
//
// The sequential store of the replay is [Model], which is also the oracle of
// package kvtest.
package check
