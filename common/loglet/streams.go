package loglet

import "context"

// Streamer is a Loglet that keeps for each entry which of many streams it belongs to, and so
// can tell the positions of one stream without reading all others: the back-pointers of
// Tango (Balakrishnan et al., SOSP 2013, section 5). Over a Loglet that is none, a client
// plays everything and filters.
type Streamer interface {
	Loglet

	// AppendTo is Append for entries that belong, all of them, to each of the streams: 1 to
	// MaxStreams of them, all different and none 0, or it is ErrInvalid.
	AppendTo(ctx context.Context, streams []Stream, bodies [][]byte) ([]Pos, error)

	// Back returns the positions of the newest entries of a stream that stand before a
	// position, the newest first: max of them (1 to MaxPage), or all from the head on if they
	// are fewer. A position may be among them that holds no entry: it reads as an empty Page.
	// None is missing whose append had returned when Back was called.
	//
	// Errors: ErrUnwritten if before is beyond the tail, ErrInvalid if the stream or before
	// is 0 or max is out of range, ErrUnavailable.
	Back(ctx context.Context, stream Stream, before Pos, max int) ([]Pos, error)
}

// Stream names a stream. 0 is none.
type Stream uint64

// MaxStreams bounds the streams of one entry.
const MaxStreams = 16
