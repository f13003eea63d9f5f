package explore

import (
	"bytes"
	"fmt"
	"iter"
	"math/bits"
	"slices"

	"dss.example/common/machine"
	"dss.example/common/trace"
)

// member is an element of the monotone set: a message, or an answer to one of
// Config.Asks.
type member struct {
	from, to machine.Addr
	place    int // that it goes to; -1 when nobody lives there, and for answers
	ask      int // of an answer; -1 for messages
	bytes    []byte
	data     machine.Data
}

// memberKey tells members apart.
type memberKey struct {
	from, to machine.Addr
	ask      int
	bytes    string
}

// record is what a machine saved.
type record struct {
	bytes []byte
	data  machine.Data
}

// encode returns a message's bytes. A machine at the far end of a pipe hands out
// bytes already.
func encode(msg machine.Data) []byte {
	if raw, ok := msg.(machine.Raw); ok {
		return raw
	}
	return machine.AppendMessage(nil, msg)
}

// message returns the number of a message, which must be one that its receiver can
// decode.
func (s *search) message(from, to machine.Addr, msg machine.Data) (uint32, error) {
	b := encode(msg)
	if id, ok := s.memberOf[memberKey{from, to, -1, string(b)}]; ok {
		return id, nil
	}
	m := member{from: from, to: to, place: -1, ask: -1, bytes: bytes.Clone(b), data: msg}
	if i, ok := s.placeOf[to]; ok {
		data, err := machine.DecodeMessage(m.bytes, s.places[i].Protocol)
		if err != nil {
			return 0, fmt.Errorf("%s sent %s what it cannot decode (%x): %w", trace.Name(from), trace.Name(to), b, err)
		}
		m.data = data
		if s.places[i].New != nil {
			m.place = i
		}
	}
	return s.addMember(m), nil
}

// answer returns the number of an answer to Config.Asks[ask].
func (s *search) answer(place, ask int, data machine.Data) (uint32, error) {
	b := data.AppendTo(nil)
	p := s.places[place]
	if id, ok := s.memberOf[memberKey{p.Addr, machine.Addr{}, ask, string(b)}]; ok {
		return id, nil
	}
	m := member{from: p.Addr, place: -1, ask: ask, bytes: b, data: data}
	if p.Protocol.Answer != nil {
		var err error
		if m.data, err = p.Protocol.Answer(b); err != nil {
			return 0, fmt.Errorf("%s answered what nobody can decode (%x): %w", trace.Name(p.Addr), b, err)
		}
	}
	return s.addMember(m), nil
}

func (s *search) addMember(m member) uint32 {
	id := uint32(len(s.all))
	s.all = append(s.all, m)
	s.memberOf[memberKey{m.from, m.to, m.ask, string(m.bytes)}] = id
	return id
}

// record returns the number of a record, which must be one that the place itself
// can decode.
func (s *search) record(place int, data machine.Data) (uint32, error) {
	b := data.AppendTo(nil)
	key := fmt.Sprintf("%d %s", place, b)
	if id, ok := s.recordOf[key]; ok {
		return id, nil
	}
	p := s.places[place]
	if p.Protocol.Record == nil {
		return 0, fmt.Errorf("%s saves, and has no decoder of records", trace.Name(p.Addr))
	}
	decoded, err := p.Protocol.Record(b)
	if err != nil {
		return 0, fmt.Errorf("%s saved what it cannot load (%x): %w", trace.Name(p.Addr), b, err)
	}
	id := uint32(len(s.records))
	s.records = append(s.records, record{b, decoded})
	s.recordOf[key] = id
	return id, nil
}

// A set of members is a string of bits without trailing zero bytes.

// union returns the number of the set with more members.
func (s *search) union(set uint32, more []uint32) uint32 {
	old := s.sets[set]
	if !slices.ContainsFunc(more, func(m uint32) bool { return !has(old, m) }) {
		return set
	}
	b := append(s.bits[:0], old...)
	for _, m := range more {
		for int(m/8) >= len(b) {
			b = append(b, 0)
		}
		b[m/8] |= 1 << (m % 8)
	}
	s.bits = b
	return s.internSet(b)
}

func (s *search) internSet(b []byte) uint32 {
	id, ok := s.setOf[string(b)]
	if !ok {
		id = uint32(len(s.sets))
		s.sets = append(s.sets, string(b))
		s.setOf[s.sets[id]] = id
	}
	return id
}

func has(set string, m uint32) bool {
	return int(m/8) < len(set) && set[m/8]>>(m%8)&1 == 1
}

// elements yields the numbers in a set, in order.
func elements(set string) iter.Seq[uint32] {
	return func(yield func(uint32) bool) {
		for i := range len(set) {
			for b := set[i]; b != 0; b &= b - 1 {
				if !yield(uint32(i*8 + bits.TrailingZeros8(b))) {
					return
				}
			}
		}
	}
}

func (s *search) members(set uint32) iter.Seq[*member] {
	return func(yield func(*member) bool) {
		for m := range elements(s.sets[set]) {
			if !yield(&s.all[m]) {
				return
			}
		}
	}
}

// A world is a row of words: the local state of each place, the set, the asks
// already made (a bit each), and the crashes and timers used.

func (s *search) world(id uint32) []uint32 {
	return s.rows[int(id)*s.width : (int(id)+1)*s.width]
}

// find returns the slot of the table where a row is or would be.
func (s *search) find(row []uint32) int {
	h := uint64(14695981039346656037)
	for _, w := range row {
		h = (h ^ uint64(w)) * 0x9e3779b97f4a7c15
		h ^= h >> 29
	}
	mask := len(s.table) - 1
	for i := int(h>>7) & mask; ; i = (i + 1) & mask {
		if at := s.table[i]; at == 0 || slices.Equal(s.world(at-1), row) {
			return i
		}
	}
}

// intern returns the number of a world and whether it is new.
func (s *search) intern(row []uint32) (id uint32, fresh bool) {
	if 4*s.count >= 3*len(s.table) {
		s.grow()
	}
	i := s.find(row)
	if s.table[i] != 0 {
		return s.table[i] - 1, false
	}
	id = uint32(s.count)
	s.rows = append(s.rows, row...)
	s.count++
	s.table[i] = id + 1
	return id, true
}

func (s *search) grow() {
	s.table = make([]uint32, max(1<<12, 2*len(s.table)))
	for id := range s.count {
		s.table[s.find(s.world(uint32(id)))] = uint32(id) + 1
	}
}
