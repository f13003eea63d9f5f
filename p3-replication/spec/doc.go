// Package spec says, in as few lines as it takes, what servers that write while they are cut off
// must be: a judge for the simulator that is fed every step of every server, and refuses what
// no correct one would do.
//
// It reads Ins and Outs only: records that are saved, messages that are sent and arrive,
// answers. A field of a server is never looked at, nor is a note believed. So a [Database] judges
// any implementation of the messages and records of package proto.
//
// # What a server knows
//
// A write is known to a server that has saved it, and committed there if its number is saved.
// No more is needed: the judge does the writes that a server knows from scratch, the committed
// ones first, the others by their stamps, in a map, and that is what the server must answer.
//
// # What is durable
//
// A judge does not see syncs. What a message tells is durable when it has arrived, and what a
// later life has loaded. What was saved and is neither may be lost by a crash, and then stamps
// and commit numbers that nobody has heard of may be given again.
//
// # The rules
//
// '95 and '97 are the papers that package bayou follows, with their sections.
//
//	stamp    a server's stamps grow, over its restarts too, and are above all that it knew ('95, 5)
//	asked    what a server accepts, somebody has asked for
//	same     a stamp is one write's, and its accepting server has made it
//	gap      of the writes of any server a prefix is known: all up to some stamp ('97, 2)
//	name     a name is that of one server, whom its birth has made ('97, 4.3)
//	retired  who has retired accepts nothing more ('97, 4.3)
//	number   a commit number is one write's, everywhere, and numbers come in order ('97, 3.1)
//	primary  who gives them is the primary, as the committed writes before say
//	state    a committed state, saved or sent, is what its writes come to ('97, 3.3)
//	kept     what a saved state does not hold is saved behind it, before older records go
//
//	saved first  nothing is said to be known before it is saved, and it is known ever after
//	damage       who cannot read its disk begins anew, under another name
//
//	read      an answer is what the known writes come to, a stable one what the committed do ('95, 5)
//	written   a write is answered by its own name, and by what became of it
//	stable    what is said to be stable is
//	session   a session is served where what it rests on is known ('94, 4)
//	lost      no write that was acknowledged is forgotten
//	agree     when all servers tell the same, all have every write, with its number
package spec
