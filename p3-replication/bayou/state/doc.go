// Package state is what the writes of a database have made: pairs in two views, and what each
// write changed in them, so that it can be undone.
//
// # Two views ('95, 7)
//
// The full view is the state after all writes that this server knows, the tentative ones
// included. The sure view is the state after the committed ones alone: whatever it shows, no
// write that comes later will come before. Writes are done in the full view, in an order that
// is changed by undoing the last ones; a write that is committed is settled in the sure view.
//
// # What stands where
//
//	k KEY     an item of a client's: who wrote it, and its value
//	c STAMP   a conflict that no merge procedure has resolved
//	s NAME    a server, and its place
//	p         the primary, if it is not the first server
//
// Conflicts and servers are pairs like others. So they are undone and done again with the
// writes that make them, and are the same at all servers in the end.
package state
