// Package call is a remote procedure call written by hand: a client half, [Client],
// and a server half, [Server]. Each works with the other and with the standard
// halves of package wire and of net/rpc under wire's codecs, because what counts is
// what travels between them. That is the contract on this page.
//
// # Frames
//
// A connection carries frames both ways. A frame is a length, then as many bytes:
//
//	 0        4                                4+length
//	┌────────┬──────────────┬─────────────────┐
//	│ length │ head         │ body            │
//	└────────┴──────────────┴─────────────────┘
//	 uint32   a CBOR array   what the handler or the caller
//	 big-     of 2 or 3      gave, encoded; nothing in a hello,
//	 endian   values         an answer, an error or a notice
//
// No frame is empty, none is longer than the longest body and 1088 bytes for its
// head. Who reads checks the length before allocating anything, and then allocates
// about twice what has come, or 64 KiB. A length that is wrong ends the connection.
//
//	         client                                server
//	           │  hello     ["dss", 1, 1, 0]         │
//	           │────────────────────────────────────>│
//	           │  answer    [0, 0, ""]               │
//	           │<────────────────────────────────────│
//	           │  request   [1, 'KV.Do'] body        │
//	           │────────────────────────────────────>│──┐
//	           │  request   [2, 'KV.Get'] body       │  │ both are
//	           │────────────────────────────────────>│─┐│ served
//	           │  response  [2, 0, ""] body          │ ││ at once
//	           │<────────────────────────────────────│<┘│
//	           │  response  [1, 65, "no such lock"]  │  │
//	           │<────────────────────────────────────│<─┘
//	           │  notice    [0, 3, "closed"]         │
//	           │<────────────────────────────────────│
//
//	hello     ["dss", version 1, kind 1 (calls), node 0]; at most 64 bytes
//	answer    [0, code, text]      code 0: welcome; else refused, then closed
//	request   [seq, method] body   method: "Service.Method", a byte string
//	response  [seq, code, text]    code 0: then body; else text, and no body
//	notice    [0, code, text]      the connection ends
//
// Heads and bodies are canonical CBOR (package cbor). A method has at most 256
// bytes, a text 1024.
//
// # Rules
//
//   - The client says hello at once; the server answers it before anything else.
//   - Sequence numbers start at 1 or later and grow from request to request. They may
//     have gaps. A server ends a connection on which one does not grow.
//   - Requests are served at the same time, so responses come in any order. Each
//     request is answered once, unless the connection ends.
//   - A client ends a connection on which comes a response to a request that it has
//     not sent. A response that nobody waits for any more, or the second to one
//     request, it throws away.
//   - A server ends a connection after a frame that it cannot read. A body that
//     cannot be decoded, or a method that nobody knows, costs that request only.
//   - Before a server ends a connection it answers what it has begun, and then gives
//     notice: every request that was not answered before the notice was not executed.
//
// # Codes
//
//	0  done                          5  no such method
//	1  the handler's own error       6  malformed
//	2  overloaded                    7  connection refused
//	3  connection closed             8  the handler panicked
//	4  too large                     9  executed, but the reply is lost
//	64+n  the handler's error, number n of a list that both sides have
//
// Codes 2 to 7 prove that the request was not executed. At the client each code is
// an error of package wire (errors.Is), each listed one the caller's own, and all
// that came from the far side are a [wire.RemoteError] (errors.As).
//
// # Outcomes
//
// [wire.Definite] holds for an error that proves that the request was not executed:
// it never left (wire.ErrNotSent), or the server said so. After any other error but
// the handler's own it may have been executed, or be executed yet: a connection that
// dies takes the answer with it, and a caller whose context ends learns nothing.
//
// # Bounds
//
// Lengths of frames, requests in flight, connections, and the times for a handshake,
// a write and a silence have limits: [ClientOptions], [ServerOptions]. At its limit a
// server refuses with wire.ErrOverloaded; a client waits for room.
package call
