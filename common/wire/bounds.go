package wire

import (
	"cmp"
	"time"

	"dss.example/common/kv"
)

// Bounds are the limits that all who speak this wire have. A zero field means the
// default.
type Bounds struct {
	Message   int           // bytes of a body or peer frame; default kv.MaxMessage (5 MiB)
	Handshake time.Duration // from connecting to the far side's first frame; default 5 s
	Idle      time.Duration // between two frames; default 2 min. See the owner's options
	Frame     time.Duration // from a frame's first byte to its last; default 10 s
	Write     time.Duration // one write of what is due; default 10 s
}

// maxHead bounds the head of a request or response in bytes, so that a body of
// the full size fits into a frame.
const maxHead = maxText + 64

// maxMethod bounds the name of a method in bytes.
const maxMethod = 256

func (b Bounds) withDefaults() Bounds {
	return Bounds{
		Message:   cmp.Or(b.Message, kv.MaxMessage),
		Handshake: cmp.Or(b.Handshake, 5*time.Second),
		Idle:      cmp.Or(b.Idle, 2*time.Minute),
		Frame:     cmp.Or(b.Frame, 10*time.Second),
		Write:     cmp.Or(b.Write, 10*time.Second),
	}
}
