// Package cycles drives the sites of package gossip as the paper of their epidemics does: in
// cycles, all sites in step.
//
// A cycle gives every site its Tick and then delivers what they say, round by round, until all are
// silent: first everything that the ticks have sent, then all answers to that, and so on. A message
// takes no time and is never lost. The machines are the very ones that run in the simulator of
// faults and over a network; that one takes events in order of their times, carries every message
// as its bytes and hashes every step, which is what a thousand sites over hundreds of epidemics do
// not need. Here messages are handed on as values.
//
// Nothing of a site is looked at from inside: who knows an item is told by what it saves, and what
// is sent by its messages.
package cycles
