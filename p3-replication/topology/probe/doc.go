// Package probe finds out which other servers there are, which of them answer, and how far away
// they are: a machine.Machine that keeps sending pings. It prefers the nearest, and does not change
// its mind for less than a clear and lasting difference.
//
// # What is measured
//
// In every round, Config.Every apart, each known server is sent a Ping, which brings back the time
// at which it was sent. The round-trip time that counts is smoothed as TCP does it: each answer
// moves it an eighth of the way (Jacobson, Congestion Avoidance and Control, 1988). One that is
// more than four times what counts so far is taken as just that, so that a single late answer
// does little harm, and a distance that has really grown is still found after some rounds.
//
// A server is up once it has answered, and down when Misses pings in a row have brought nothing:
// so many rounds must last longer than the longest round trip.
//
// # Which server is chosen
//
// The nearest one that is up. It is left at once when it is down. For a nearer one it is left only
// when for Rounds rounds in a row some server was nearer by more than Margin percent, and then for
// the nearest. So servers that are about as far do not take turns, and who is really nearer wins
// in the end even if it is not the same one in each round.
//
// # Which servers there are
//
// Those of the Config, for good, and those that have been heard of: a Ping introduces its sender, and
// a Pong names some that answer who sends it. A newcomer therefore has to know one server that is up,
// and is known to all soon. Who is not in the Config is forgotten after Forget without an answer.
// There is room for proto.MaxPlaces, oneself included; those heard of later are passed over.
//
// # How it is run
//
// The role is the same on all servers. A shell that sees a place in a Sight which it did not know
// makes it known to its transport (Add of wire.Peers), before the next round. Config.Tell names
// another machine of the node that is sent a Sight in every round.
package probe
