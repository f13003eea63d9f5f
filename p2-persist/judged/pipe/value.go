package pipe

import (
	"math"
	"math/rand/v2"
	"time"

	"dss.example/common/blob"
)

// Record is an object whose type has everything that a type may have.
type Record struct {
	Name  string            `cbor:"name"`
	Size  int64             `cbor:"size"`
	Link  blob.ID           `cbor:"link,omitzero"`
	Parts []uint16          `cbor:"parts"`
	Notes map[string]string `cbor:"notes,omitempty"`
	Next  *Record           `cbor:"next"`
}

// Special returns Go values one by one, of which some are equal as objects and some
// have no encoding; false behind the last. Both ends have the same.
func Special(i uint64) (any, bool) {
	var none *Record
	link := blob.Sum(blob.Raw, []byte("link"))
	all := []any{
		nil, none, []any(nil),
		[]any{},
		[]int8{},
		map[string]any(nil),
		map[string]any{},
		[]byte(nil),
		[]byte{},
		"",
		int8(1), int16(1), int32(1), int64(1), 1, uint8(1), uint16(1), uint32(1), uint64(1), 1.0, float32(1), true,
		int8(-1), int64(-1), int64(math.MinInt64), uint64(math.MaxUint64), int64(math.MaxInt64), 23, 24, 255, 256, 65535, 65536, 1 << 32,
		0.0, math.Copysign(0, -1), 0.1, float32(0.5), 1e300, math.NaN(), math.Inf(1), math.Inf(-1), math.Float64frombits(0x7ff8000000000001),
		time.Unix(1, 2).UTC(), time.Unix(1, 2).In(time.FixedZone("east", 3600)),
		time.Time{},
		time.Duration(7),
		map[string]int{"b": 1, "a": 2, "aa": 3, "": 4},
		map[int]string{1: "a"},
		map[any]any{"a": 1, 2: 3},
		"\xff",
		map[string]int{"\xff": 1},
		"ü", link, &link,
		blob.ID{},
		[]blob.ID{link, link},
		Record{},
		&Record{Parts: []uint16{}},
		Record{Name: "n", Notes: map[string]string{}, Next: &Record{Link: link}},
		[]any{[]any{[]any{}}},
		make(chan int), func() {}, complex(1, 2),
		struct{ A, b int }{1, 2},
		[2]bool{true},
	}
	if i < uint64(len(all)) {
		return all[i], true
	}
	return nil, false
}

// Random returns the Go value of a seed; both ends make the same one.
func Random(seed uint64) any { return random(rand.New(rand.NewPCG(seed, 0)), 4) }

func random(r *rand.Rand, depth int) any {
	n := int64(r.Uint64()) >> r.IntN(64)
	kinds := 9
	if depth == 0 {
		kinds = 7
	}
	switch r.IntN(kinds) {
	case 0:
		return n
	case 1:
		return int32(n)
	case 2:
		return uint64(n)
	case 3:
		return float64(n) / 8
	case 4:
		return word(r)
	case 5:
		return []byte(word(r))
	case 6:
		return []any{nil, true, false, blob.Sum(blob.DAGCBOR, []byte(word(r)))}[r.IntN(4)]
	case 7:
		list := make([]any, r.IntN(5))
		for i := range list {
			list[i] = random(r, depth-1)
		}
		return list
	}
	m := map[string]any{}
	for range r.IntN(5) {
		m[word(r)] = random(r, depth-1)
	}
	return m
}

func word(r *rand.Rand) string {
	letters := []rune("aäz0ж~ 木")
	w := make([]rune, r.IntN(30)>>r.IntN(4))
	for i := range w {
		w[i] = letters[r.IntN(len(letters))]
	}
	return string(w)
}
