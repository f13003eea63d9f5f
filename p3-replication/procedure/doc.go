// Package procedure runs the dependency checks and merge procedures of Bayou writes, as
// programs in Starlark. It follows Terry et al., "Managing Update Conflicts in Bayou, a Weakly
// Connected Replicated Storage System" (SOSP 1995), sections 4.1, 4.2 and 5.
//
// # What a write carries
//
// A write is accepted where nobody can tell what others are writing. So it brings with it how
// to find out that it conflicts, and what to do then. Its dependency check is a question to
// the state at the write's place in the order, and the answer expected: an expression,
//
//	db.get("room/12:00") == None
//
// or a program that defines check(db, update). If it does not hold, the merge procedure runs
// in place of the update: a program that defines merge(db, update), which puts and deletes
// what it will, or gives up by fail("why"); then the conflict is logged, and a person decides.
// The order changes as writes arrive, so both run again and again, on every replica.
//
// # What a program sees
//
//	db.get(key, default=None)        the value of a key
//	db.scan(start="", end="", limit=-1)   a sorted list of (key, value)
//	db.prefix(prefix, limit=-1)      the same, of the keys that begin with prefix
//	db.put(key, value)               in a merge procedure: its later reads see it
//	db.delete(key)                   the same
//	db.apply(change)                 put or delete, as a change of the update says
//	update                           a list of changes: each has .key, .value and .delete
//	fail(text, ...)                  gives up
//	json.encode(x), json.decode(text)
//
// Keys and values are str, a string of bytes; a literal is UTF-8, what is read need not be. Numbers are ints of 64
// bits, as what has no bound can grow without bound. Beside them there are None, bool, list,
// tuple, dict and range, and of functions abs, all, any, bool, dict, enumerate, int, len,
// list, max, min, range, repr, reversed, sorted, str, sum, tuple, type and zip.
//
// It sees nothing else: no clock, no random number, no file, no other module, no printing; no
// floating-point numbers, whose rounding is a machine's own affair; no hash or other fact of
// the interpreter. Text beyond ASCII is bytes to it: which letters have capitals differs
// between releases of Unicode. A program that asks for any of these is refused where it is
// compiled, with line and column.
//
// # The same everywhere
//
// Replicas agree on the order of writes only, and so must get the same from the same program,
// state and update: also the same error, as it is logged. A program that one replica has the
// memory for and another has not would part them for ever. So every run has the same ceilings
// on every replica (Limits), and exceeding one fails alike: with the same text at the same
// place. Statements outside of functions run once, where the program is compiled; they count in
// every run, and may use a sixteenth of its memory. The ceilings are part of the protocol, and so is the version of the library, which counts the
// steps. Replicas are machines of 64 bits.
//
// The library bounds steps alone, and ten steps can make a text of 512 MiB. So a program is
// rewritten before it is compiled: each operation that can make a value, or do much work at
// once, becomes the call of a function that charges the size of the result before there is
// one. What the rewriter does not know it refuses. Functions do not call themselves, loops are
// for loops, and what one program may nest is bounded, so that a hostile one cannot exhaust
// the stack either.
//
// # Where this package is not a core
//
// It has no goroutine, clock, randomness or order of maps of its own, and a core may use it
// through an interface. The library has package variables that it sets up once (tables, and
// on some systems a reserved range of addresses that stand for small ints), a profiler that
// reads the clock when a host turns it on, which we do not, and a seed for the hash of texts
// that differs from process to process; dicts keep the order of insertion, so that no program
// can tell.
package procedure
