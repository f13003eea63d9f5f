// Package wire is what every server and client of the workspace speaks: bounded
// frames over a stream, calls of net/rpc with a CBOR codec in them, and one-way
// frames between the nodes of a group.
//
// # Frames
//
// A connection carries frames: four bytes of length, big-endian, then as many
// bytes. The length is checked before anything is allocated, and memory grows
// only as bytes arrive. No frame is empty.
//
// The first frame each way opens the connection. All heads are canonical CBOR:
//
//	hello    ["dss", version, kind, node]   kind 1: calls (node 0), 2: peer frames
//	answer   [0, code, text]                code 0: welcome; else refused, closed
//
// # Calls
//
//	request  [seq, method] body
//	response [seq, code, text] body         code 0: done; else no body
//	notice   [0, code, text]                the connection ends
//
// Sequence numbers of a connection start at 1 or later and grow; anything else
// ends the connection. A body that implements AppendTo and DecodeFrom uses these
// bytes; any other Go value goes through fxamacker/cbor in its deterministic
// mode, after a scan for depth, number of items and canonical form. Floats are
// 64 bits wide; there are no tags. Gob is never offered.
//
// A client that hears nothing for long calls the method "wire.Ping", which a
// [Server] answers by itself; from any other an error is as good a sign of life.
//
// Before a server closes a connection in good order (it shuts down, or nothing
// came for long) it ends what it serves and then sends a notice: every request
// that was not answered before the notice was not executed. That is how a client
// knows, instead of guessing, what it may send again elsewhere.
//
// # Why there are two kinds
//
// A client wants one answer to one question, in any order, and to know when there
// will be none: that is a call, and net/rpc is its dispatch. Nodes of a group
// exchange messages that may be lost and are answered, if at all, by other
// messages; as calls they would cost a second frame each, twice the time and the
// processor. So peers send one-way frames, in the same framing on the same port.
//
// # Which halves are whose
//
// [NewServerCodec] and [NewClientCodec] make net/rpc's own Server and Client
// speak this wire. net/rpc has no deadlines, no contexts, no bounds, no graceful
// stop, keeps only the text of errors, dies of a handler's panic and starts a
// goroutine a request. [Server] adds all that around net/rpc's registration and
// dispatch. [Client] is a half of its own: net/rpc's Client cannot forget a call,
// so a late reply is decoded into a value that its caller has left, and it cannot
// tell a request that never left from one that may have been executed. All four
// pairs work together.
//
// A half written elsewhere finds here what is not its own subject: bodies
// ([AppendArgs], [AppendBody], [DecodeBody]), codes and the errors that they stand for
// ([CodeOf], [Errors.Code], [Errors.Remote]), and what accepts connections and ends
// them ([Acceptor]).
//
// Four things are there for speed alone. Methods of [Quick] and [Later] bypass net/rpc's
// reflection, and need no goroutine for each request. [Client.Help] lends a goroutine that waits for a reply to the reading of
// it, which spares a caller that is alone the switch between two goroutines. [Peers.Flush] spares
// that switch to who sends many frames to many peers and knows when they are all there.
//
// # Handlers
//
// Handlers are net/rpc's: exported methods (args, *reply) error. One that wants to
// know when nobody waits any more takes a *[With] as its args; on the wire nothing
// changes. A client that closes its sending side is taken to wait no more, as if the
// connection had died: the contexts of its handlers end, long polls with them, and
// what they answer then is still sent. Errors keep their identity if both sides list
// them in their options. net/rpc hands on only the text of a handler's error, so the
// error is recognised by its text: that of a listed error alone, or followed by ": "
// and more, as fmt.Errorf("%w: …") makes it.
//
// # Outcomes
//
// An error of [Client.Call] for which [Definite] holds proves that the request
// was not executed. After any other error that is not the handler's own
// ([RemoteError]) the outcome is unknown.
//
// # Bounds
//
// Every size, count and time has a limit ([Bounds], [ServerOptions],
// [ClientOptions], [PeerOptions]). At a limit a server refuses with
// [ErrOverloaded]; a client's call waits for room until its context ends and is
// then definitely not sent; [Peers.Send] drops and counts.
//
// # Identity
//
// Under mutual TLS a peer's certificate must carry the DNS name that [NodeName]
// gives its node, both when it dials and when it is dialled. Without TLS a node
// is believed: then the network must be trusted.
package wire
