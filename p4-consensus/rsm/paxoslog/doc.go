// Package paxoslog makes a loglet.Loglet of a replicated log: the state of package logs,
// asked through a replica of package rsm. The state is a core and knows of no context and no
// caller; so this half, which does, is a package of its own.
//
// # How to have one
//
// Each process runs a replica in the language of the state, and holds the log by it:
//
//	replica, err := rsm.Start(ctx, rsm.Config{Self: 1, Language: logs.Language("log"), …})
//	var log loglet.Streamer = paxoslog.New(replica)
//
// All replicas of a group see one log. Any of them may be asked: it hands commands to the
// leader, through changes of leader, and answers what was executed. The log has no end of its
// own: who has started the replica stops it.
//
// A program of stage 5 joins it as the engine behind its virtual log, in its command: it opens
// a replica as above beside its other parts, and hands the Log to whoever wants a
// loglet.Streamer. To have another group it seals this log and goes on with the next one: so
// the language has no words for a change of members.
//
// # What a call costs
//
// An append is one command: a round of messages and a sync at a quorum, which it shares with
// all others that were asked meanwhile. A read, and the tail, are a round of beats that all
// reads of that moment share, and no message at a leader with a lease; they save nothing.
//
// # Errors
//
// An Append whose replica has stopped, whose context has ended, or for which no quorum was
// found for long, is loglet.ErrMaybe. It is not tried again here: that would be another
// entry. Whatever else is not done is loglet.ErrUnavailable: no leader, too many callers, or a
// log that holds all it may (logs.MaxHeld) and has to be trimmed.
package paxoslog
