// Package call is the room for a remote procedure call written by hand: the
// client's half and the server's half, each of which can stand in for the
// library's.
//
// It will hold framing, sequence numbers, the table of pending calls, and
// dispatch. Until then stage 1 speaks net/rpc through common/wire.
//
// Nothing of it is built yet. The two halves come later in this stage.
package call
