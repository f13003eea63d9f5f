// Package judged says what stage 2's judge demands of a submission, step by step.
//
// Everything of a submission runs in processes of its own (package judge). Its parts are
// libraries, so cmd/parts, a program of staff's around them, serves them at the far end of
// a pipe (package pipe): the disk and the blobs that they work on are the judge's. It
// crashes that disk, fails its calls, flips its bits, and takes nothing for right but
// bytes that it has looked at itself; what they should be it computes with staff's own
// packages, or with the twins of a log and a store.
//
//	p2.1       objects come back accepted or refused, encoded, or as links
//	p2.2-p2.3  streams come back as chunks; files and their IDs are in the judge's store
//	p2.4-p2.5  so are the nodes of trees; differences and proofs come back
//	p2.6-p2.8  segments, logs, packs and heads are on the judge's disk, in every state
//	           that a crash leaves: another process must find there what was acknowledged
//	p2.9       history in the judge's store
//
// The rest of p2.9 joins two stages and is in cmd/judge: the durable machine behind
// cmd/sim -pipe, in worlds that crash, and cmd/kvd, killed under load.
package judged
