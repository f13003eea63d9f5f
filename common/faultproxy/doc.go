// Package faultproxy stands between real clients and a real server and harms what
// passes, by a seed.
//
// It is the simulator's network faults for processes: a test or a demo gives the
// clients the address of a [Proxy] instead of the server's, and judges afterwards
// whether what the clients were told is true.
//
// # What it knows of the traffic
//
// It reads the frames of package wire (four bytes of length, big-endian, then as
// many bytes), so that a lost frame is a lost message and not a torn stream. The
// first frame each way, the handshake, meets nothing but delay and cut. So does a
// stream that is not of frames, TLS for one: as soon as a length is 0 or above
// [MaxFrame], bytes are copied as they come. A frame of more than [MaxHarmed]
// bytes passes in pieces and may be delayed, cut and silenced; it is never
// dropped, copied, moved or slowed.
//
// # Faults
//
// Each [Fault] has a rate in [Rates]. A frame meets at most one harm beside its
// delay. Which one depends on the seed, the number of its connection, its
// direction and its number there, and on nothing else: the same traffic meets the
// same faults, however goroutines and processes are scheduled.
//
//   - delay: the frame, and with it all that follows, is late; seldom very late.
//   - drop: the frame vanishes.
//   - duplicate: a frame to the server arrives a second time, late.
//   - reorder: other frames overtake the frame.
//   - cut: the connection ends abruptly, for TCP by a reset; nothing, a part or all
//     of the frame was delivered before.
//   - half-open: one direction or both are silent from now on. What is sent is
//     swallowed, the end of the stream too, and the connection stays open.
//   - refuse: for a while new connections are closed as soon as they are accepted.
//   - slow: the frame arrives in small pieces with pauses.
//   - partition: for a while nothing passes in any connection. As with TCP, nothing
//     is lost: it arrives afterwards.
//
// # Numbered requests
//
// Sequence numbers of a calls connection must grow, so that a copy of a request,
// or one that was overtaken, cannot travel there. It takes a connection of the
// proxy's own, opened with the client's hello. A copy's answer is thrown away (the
// copy is a ghost: it may well outlive its client); the answer to an overtaken
// request is put among the other answers. Frames that carry no numbers, those
// between peers, are repeated and moved within their connection.
//
// # What it never makes of the truth
//
// package wire promises that a request without an answer before a notice was not
// executed, and that a refused one was not. TCP keeps these promises whole, and a
// checker builds on them. So, once an answer was dropped or a request has
// travelled elsewhere, a notice becomes a cut; and so does the refusal of a request
// of which a copy exists. The proxy cannot see refusals inside the body of an
// answer.
//
// # Bounds
//
// A connection holds at most about 3 MiB in each direction, then the sender has to
// wait. At [Config].Connections new ones are closed at once. At most 64 requests
// are on connections of the proxy's own; more pass unharmed. Each such connection
// ends after one answer, or 10 seconds.
package faultproxy
