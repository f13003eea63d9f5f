package agenda

import (
	"slices"

	"dss.example/common/cbor"
	"dss.example/common/machine"
)

// maxSet bounds the timers that an Alarm knows to be outstanding.
const maxSet = 64

// Alarm wakes a machine by envelopes to itself. It sends one only for a time that
// is earlier than those of all that are still on their way. The zero Alarm is off.
type Alarm struct {
	set []machine.Time // on their way, latest first
}

// Arm sees to it that a Tick comes at the given time or earlier.
func (a *Alarm) Arm(self machine.Addr, now, at machine.Time, out *machine.Out) {
	if n := len(a.set); n > 0 && a.set[n-1] <= at {
		return
	}
	if len(a.set) == maxSet { // forgets the latest: if still wanted, it is armed anew
		a.set = slices.Delete(a.set, 0, 1)
	}
	a.set = append(a.set, at)
	out.Timer(self, max(at-now, 0), Tick{At: at})
}

// Rang takes note that a Tick came. One that is not known does no harm.
func (a *Alarm) Rang(t Tick) {
	if i := slices.Index(a.set, t.At); i >= 0 {
		a.set = slices.Delete(a.set, i, i+1)
	}
}

// Tick is the envelope that an Alarm sends: a message of the machine that owns it.
type Tick struct{ At machine.Time }

const kindTick = 1

// AppendTo makes Tick a [machine.Data].
func (t Tick) AppendTo(b []byte) []byte {
	return cbor.AppendInt(cbor.AppendUint(cbor.AppendArray(b, 2), kindTick), int64(t.At))
}

// DecodeTick is AppendTo backwards; what it refuses wraps [cbor.ErrMalformed].
func DecodeTick(b []byte) (machine.Data, error) {
	r := cbor.NewReader(b)
	r.Fixed(2)
	if kind := r.Uint(); kind != kindTick {
		r.Fail("message of kind %d", kind)
	}
	t := Tick{At: machine.Time(r.Int())}
	if err := r.Close(); err != nil {
		return nil, err
	}
	return t, nil
}
