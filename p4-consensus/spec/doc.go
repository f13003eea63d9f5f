// Package spec says, in as few lines as it takes, what a replicated log must be: judges for
// the simulator that are fed every step of every replica, and refuse what no correct one
// would do.
//
// They read Ins and Outs only: records that are saved, messages that are sent and arrive,
// answers. A field of a replica is never looked at, nor is a note believed. So a [Log] judges
// any implementation of the messages and records of package proto.
//
// # What is durable
//
// A judge does not see syncs. A record is known to be durable when a message that had to wait
// for it has arrived, or when a later life has loaded it. Votes count from then on.
//
// # The rules of Log
//
// Those with a letter and a number are invariants of Van Renesse and Altinbuken, "Paxos Made
// Moderately Complex", sections 2 and 4; P2c is of Lamport, "Paxos Made Simple", section 2.2.
//
//	A1  the ballot of a disk never goes back, not by a crash either
//	A2  a vote is in the ballot of the disk, and one that is due is cast
//	A3  no vote is forgotten, nor kept from who asks for it
//	C1  a ballot has one value for a slot, and its owner has proposed it
//	P2c it is proposed after the promises of a quorum, and is what they bind it to
//	C2  what is chosen binds every higher ballot (A5 for the votes)
//	R1  one value is chosen for a slot
//	R2  what is said to be chosen is, and all before it; nothing else is executed
//	R3  states and answers are those of the chosen commands, each executed once
//	R5  a slot is proposed for when its group is known: at most Alpha ahead
//
//	saved first  nothing is said before the record that it rests on is saved
//	ballot       a ballot is its node's, and is used once
//	asked        what is proposed was asked for
//	group        there is one first group, unless a disk is lost while it forms, and quorums
//	             of any group meet
//	damage       a disk that has lost a promise votes no more under its name
//	told         who asks for what was chosen is told, by who knows it
//	read         a read is confirmed by a quorum that was asked after it, or by a lease
//	lease        who reads by a lease is the last who leads
package spec
