// Package server puts a kv.Store behind net/rpc, so that a client elsewhere sees the
// same door.
//
// There are three methods, each of them net/rpc's (args, *reply) error:
//
//	KV.Do      one request that waits for nothing: served in the reading loop
//	KV.Wait    one request that may wait: served in a goroutine of its own
//	KV.Offers  what the Store promises
//
// A Response carries its own status, so that an error of the call itself means that
// no Store has seen the request, or that nobody knows (see package wire).
//
// The server removes no duplicates. A request that is sent twice reaches the Store
// twice: whoever applies it must know its session, for a server that remembered
// answers in front of a replicated Store would execute a retry again after a
// fail-over.
package server
