// Package kv is the door: what a client sees at every stage.
//
// A [Store] does one [Request] at a time and answers with one [Response]. Five
// stages stand behind the same door and differ in what they promise ([Caps]): the
// consistency level, and the capabilities beyond get, put, delete and scan. People
// call the methods of [Client]; package kvtest judges any Store.
//
// # Outcomes
//
// Every operation ends in one of three ways: done ([OK], or a definite answer such
// as [NotFound] and [Conflict]), definitely not done ([Unavailable], [Overloaded],
// [Invalid], …) or unknown ([Maybe]). A time-out is never reported as a failure,
// because the operation may have taken effect or may yet do so.
//
// # Sessions
//
// A request that carries a session and a sequence number is executed at most once,
// however often it is sent: the state that applies the write remembers its answer
// until Acked passes it. No server removes duplicates in front of a Store that
// offers sessions; after a fail-over the retry would execute twice.
//
// # Ownership
//
// A Store keeps no reference to the bytes of a request after Do has returned, and
// the bytes of a Response belong to the caller.
package kv
