package table

import (
	"encoding/binary"
	"iter"

	"github.com/tidwall/btree"

	"dss.example/common/app"
	"dss.example/common/cbor"
	"dss.example/common/machine"
)

// The first bytes of the keys of a View, in its order.
const (
	pairEvent   = 'e'
	pairItem    = 'k'
	pairLease   = 'l'
	pairMeta    = 'm'
	pairSession = 's'
)

// view is a state. Its history is valid up to its length, whatever the table
// appends behind that.
type view struct {
	history
	live     *btree.Map[string, *slot]
	sessions *btree.Map[uint64, *session]
	leases   *btree.Map[uint64, *lease]
	nextID   uint64
	clock    machine.Time
}

// View returns the present state in O(1). It may be read while the table goes on,
// from any goroutine.
func (t *Table) View() app.View {
	t.generation++
	return &view{
		history:  t.history,
		live:     t.live.snapshot(),
		sessions: t.sessions.Copy(),
		leases:   t.leases.Copy(),
		nextID:   t.nextID,
		clock:    t.clock,
	}
}

// Pairs iterates the state as the package comment tells. Each value has memory of
// its own.
func (v *view) Pairs(from string) iter.Seq2[string, []byte] {
	parts := []struct {
		prefix byte
		pairs  func(from string, yield func(string, []byte) bool) bool
	}{
		{pairEvent, v.eventPairs},
		{pairItem, v.itemPairs},
		{pairLease, v.leasePairs},
		{pairMeta, v.metaPairs},
		{pairSession, v.sessionPairs},
	}
	return func(yield func(string, []byte) bool) {
		for _, part := range parts {
			rest := "" // of from, behind the prefix
			if from != "" {
				if from[0] > part.prefix {
					continue
				}
				if from[0] == part.prefix {
					rest = from[1:]
				}
			}
			if !part.pairs(rest, yield) {
				return
			}
		}
	}
}

func (v *view) eventPairs(from string, yield func(string, []byte) bool) bool {
	for i := max(ceil(from), v.first()); i < v.nextChange; i++ {
		key := numberKey(pairEvent, i)
		if key[1:] < from {
			continue
		}
		e := &v.changes[i-v.first()]
		b := cbor.AppendKey(cbor.AppendUint(cbor.AppendArray(nil, 3), e.rev), e.key)
		if e.before.exists() {
			b = e.before.appendTo(b)
		} else {
			b = cbor.AppendNull(b)
		}
		if !yield(key, b) {
			return false
		}
	}
	return true
}

func (v *view) itemPairs(from string, yield func(string, []byte) bool) bool {
	more := true
	v.live.Ascend(from, func(key string, r *slot) bool {
		more = yield(string(pairItem)+key, r.appendTo(nil))
		return more
	})
	return more
}

func (v *view) leasePairs(from string, yield func(string, []byte) bool) bool {
	more := true
	v.leases.Ascend(ceil(from), func(id uint64, l *lease) bool {
		if key := numberKey(pairLease, id); key[1:] >= from {
			more = yield(key, appendNumbers(nil, int64(l.ttl), int64(l.deadline)))
		}
		return more
	})
	return more
}

func (v *view) metaPairs(from string, yield func(string, []byte) bool) bool {
	if from > "" {
		return true
	}
	b := cbor.AppendArray(nil, 5)
	for _, n := range []uint64{v.rev, v.oldest, v.nextID, v.nextChange} {
		b = cbor.AppendUint(b, n)
	}
	return yield(string(pairMeta), cbor.AppendInt(b, int64(v.clock)))
}

func (v *view) sessionPairs(from string, yield func(string, []byte) bool) bool {
	more := true
	v.sessions.Ascend(ceil(from), func(id uint64, s *session) bool {
		more = s.pairs(from, yield)
		return more
	})
	return more
}

func (s *session) pairs(from string, yield func(string, []byte) bool) bool {
	key := numberKey(pairSession, s.id)
	if key[1:] >= from {
		head := cbor.AppendArray(nil, 3)
		head = cbor.AppendInt(cbor.AppendInt(head, int64(s.ttl)), int64(s.deadline))
		if !yield(key, cbor.AppendUint(head, s.acked)) {
			return false
		}
	}
	for i := s.head; i < len(s.answers); i++ {
		a := &s.answers[i]
		key := key + numberKey(0, a.seq)[1:]
		if key[1:] >= from && !yield(key, a.response().AppendTo(nil)) {
			return false
		}
	}
	return true
}

// appendTo appends an item as it stands in a View.
func (r *record) appendTo(b []byte) []byte {
	b = cbor.AppendBytes(cbor.AppendArray(b, 5), r.value)
	for _, n := range []uint64{r.mod, r.create, r.count, r.lease} {
		b = cbor.AppendUint(b, n)
	}
	return b
}

func appendNumbers(b []byte, numbers ...int64) []byte {
	b = cbor.AppendArray(b, len(numbers))
	for _, n := range numbers {
		b = cbor.AppendInt(b, n)
	}
	return b
}

func numberKey(prefix byte, n uint64) string {
	return string(binary.BigEndian.AppendUint64([]byte{prefix}, n))
}

// ceil returns a number whose 8 bytes are not less than the longest prefix of from
// that has 8: no smaller number has a key from there on.
func ceil(from string) uint64 {
	var b [8]byte
	copy(b[:], from)
	return binary.BigEndian.Uint64(b[:])
}
