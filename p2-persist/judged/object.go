package judged

import (
	"bytes"
	"encoding/hex"
	"math/rand/v2"
	"strings"

	"dss.example/common/blob"
	"dss.example/common/cbor"
	"dss.example/common/judge"

	"dss.example/p2-persist/judged/pipe"
	"dss.example/p2-persist/object"
)

func objectChecks() []judge.Check {
	return []judge.Check{
		{
			Step: "p2.1", Name: "objects of the profile are accepted", Run: asks("object", acceptsTable),
			Rule: "Check accepts whatever Encode writes: shortest heads, sorted text keys, 64-bit floats, links.",
		},
		{
			Step: "p2.1", Name: "what is not canonical is refused", Run: asks("object", refusesTable),
			Rule: "One object has one encoding: Check, Links and Decode refuse all others with ErrInvalid.",
		},
		{
			Step: "p2.1", Name: "mutated objects are accepted or refused as they should be", Run: asks("object", mutatedObjects),
			Rule: "So it is for two thousand objects in which some bytes were changed; what is accepted is decoded and encoded to the same bytes.",
		},
		{
			Step: "p2.1", Name: "no bytes do any harm", Run: asks("object", bombs),
			Rule: "Depth, items and size of an object are bounded; a length that promises more than there is costs nothing.",
		},
		{
			Step: "p2.1", Name: "links are found in order", Run: asks("object", linksInOrder),
			Rule: "Links gives the IDs of all links, in the order in which they stand, as often as they do; of what is no object one error and nothing else.",
		},
		{
			Step: "p2.1", Name: "a version is read without the rest", Run: asks("object", versions),
			Rule: "Version is the field v of a map, 0 if there is none, ErrMismatch if it is no positive integer.",
		},
		{
			Step: "p2.1", Name: "one value has one encoding", Run: asks("object", oneEncoding),
			Rule: "Nil and empty, all widths of integers, pointers and values, and maps however they were filled are encoded alike; what has no encoding is ErrUnencodable.",
		},
		{
			Step: "p2.1", Name: "what a type cannot hold is refused", Run: asks("object", records),
			Rule: "Load fills a struct if and only if saving it gives the same blob; else it is ErrMismatch.",
		},
	}
}

var aLink = hex.EncodeToString(blob.AppendLink(nil, blob.Sum(blob.Raw, []byte("leaf"))))

// canonical are objects, in hexadecimal digits.
func canonical() []string {
	return []string{
		"00", "17", "1818", "18ff", "190100", "1a00010000", "1b0000000100000000", "1bffffffffffffffff", "20", "3818", "3b7fffffffffffffff",
		"40", "4100", "5818" + strings.Repeat("00", 24), "60", "6161", "62c3bc", "64f0908080", "80", "820102", "98180000000000000000000000000000000000000000000000" + "00",
		"a0", "a1616101", "a2616101616202", "a261620162616102", "a260016161a0", "f4", "f5", "f6", "fb3ff0000000000000", "fb8000000000000000", "fb7fefffffffffffff",
		aLink, "82" + aLink + aLink, "a1617a" + aLink, strings.Repeat("81", 15) + "8100",
	}
}

// notCanonical are no objects, nearly all of them for one reason only.
func notCanonical() []string {
	id := aLink[len("d82a582500"):]
	return []string{
		"", "1817", "190017", "1900ff", "1a000000ff", "1b00000000ffffffff", "3817", "5800", "580100", "780161", "980101", "b800", "d9002a" + aLink[4:],
		"a2616201616102", "a2616101616102", "a262616101616202", "a10001", "a1416101", "a12001", "a1f601", "a1806161", "a1fb3ff000000000000001",
		"61ff", "62c0af", "63eda080", "f0", "f7", "f818", "f814", "f93c00", "fa3f800000", "fb7ff8000000000000", "fb7ff8000000000001", "fb7ff0000000000000", "fbfff0000000000000",
		"1c", "1f", "5f4100ff", "7f6161ff", "9f01ff", "bf616101ff", "ff", "3b8000000000000000", "3bffffffffffffffff", "d9d9f700", "c001", "c24101", "0000", "8101" + "00",
		"41", "6261", "8201", "a161", "a16161", "1b00", "d82a", "d82a00", "d82a40", "d82a4100", "d82a5824" + id, "d82a582501" + id, "d82a582600" + id + "00",
		"d82a58250002" + id[2:], "d82a582500" + id[:2] + "70" + id[4:], "d82a582500" + id[:4] + "13" + id[6:], "d82a582500" + id[:6] + "1f" + id[8:],
		"d82a582500" + strings.Repeat("00", 36), "d82a" + aLink, "a1" + aLink + "00", "9bffffffffffffffff", "5bffffffffffffffff",
	}
}

func unhex(text string) []byte {
	b, err := hex.DecodeString(text)
	if err != nil {
		panic(err)
	}
	return b
}

// judgeObject compares what is said of some bytes with what is so.
func judgeObject(p *part, b []byte) {
	want := object.Check(b)
	name := hex.EncodeToString(b[:min(len(b), 40)])
	_, err := p.ask("object.check", nil, b)
	p.alike("Check of "+name, err, want, object.ErrInvalid)
	if len(b) < 100 { // a walk through bytes that nobody has checked
		if m := p.must("object.dump", nil, b); !same(m.Bytes, [][]byte{[]byte(object.Dump(b))}) {
			p.t.Errorf("Dump of %s shows other items than there are", name)
		}
	}
	m, err := p.ask("object.again", nil, b)
	p.alike("Decode of "+name, err, want, object.ErrInvalid)
	if err == nil && (len(m.Bytes) != 1 || !bytes.Equal(m.Bytes[0], b)) {
		p.t.Errorf("%s, decoded and encoded again, is %x", name, m.Bytes)
	}
}

func acceptsTable(t *judge.T, p *part) {
	for _, text := range canonical() {
		if err := object.Check(unhex(text)); err != nil {
			t.NotJudged("the judge's own table: %s: %v", text, err)
		}
		judgeObject(p, unhex(text))
	}
	judgeObject(p, unhex("1817")) // to accept all is no answer
}

func refusesTable(t *judge.T, p *part) {
	for _, text := range notCanonical() {
		if object.Check(unhex(text)) == nil {
			t.NotJudged("the judge's own table: %s is an object", text)
		}
		judgeObject(p, unhex(text))
	}
	judgeObject(p, unhex("a0")) // to refuse all is no answer
}

func mutatedObjects(t *judge.T, p *part) {
	r := rand.New(rand.NewPCG(t.Seed(), 1))
	for i := range uint64(2000) {
		b, err := object.Encode(pipe.Random(t.Seed() + i%200))
		if err != nil {
			t.NotJudged("%v", err)
		}
		for range r.IntN(3) + 1 {
			b = mutate(r, b)
		}
		judgeObject(p, b)
	}
}

// mutate changes, takes away, doubles or adds a byte.
func mutate(r *rand.Rand, b []byte) []byte {
	at, some := r.IntN(len(b)+1), byte(r.Uint32())
	switch b = bytes.Clone(b); {
	case at == len(b) || r.IntN(4) == 0:
		return append(b[:at], append([]byte{some}, b[at:]...)...)
	case r.IntN(3) == 0:
		return append(b[:at], b[at+1:]...)
	case r.IntN(2) == 0:
		b[at] ^= 1 << (some % 8)
	default:
		b[at] = some
	}
	return b
}

func bombs(_ *judge.T, p *part) {
	nested := func(open string, n int) []byte { return append([]byte(strings.Repeat(open, n)), 0) }
	many := func(n int) []byte { return append(cbor.AppendArray(nil, n), make([]byte, n)...) }
	for _, b := range [][]byte{
		nested("\x81", 16), nested("\x81", 17), nested("\xa1\x61a", 16), nested("\xa1\x61a", 17), nested("\x81", 1_000_000), nested("\xd8\x2a", 100_000),
		many(cbor.DefaultItems - 1), many(cbor.DefaultItems),
		cbor.AppendBytes(nil, make([]byte, blob.MaxSize-5)), cbor.AppendBytes(nil, make([]byte, blob.MaxSize-4)),
	} {
		judgeObject(p, b)
	}
	for _, major := range []byte{0x40, 0x60, 0x80, 0xa0} {
		for _, length := range []string{"\x18\xff", "\x1a\x7f\xff\xff\xff", "\x1a\xff\xff\xff\xff", "\x1b\x7f\xff\xff\xff\xff\xff\xff\xff", "\x1b\x80\x00\x00\x00\x00\x00\x00\x00"} {
			bomb := []byte(length)
			bomb[0] |= major
			judgeObject(p, bomb)
			judgeObject(p, append([]byte("\xa1\x61a"), bomb...))
		}
	}
}

func linksInOrder(t *judge.T, p *part) {
	objects := [][]byte{unhex("82" + aLink + aLink), unhex("82" + aLink + "18"), unhex("82" + aLink + "1817"), unhex("80")}
	for i := range uint64(300) {
		b, err := object.Encode([]any{pipe.Random(t.Seed() + i), pipe.Random(t.Seed() + i + 1), blob.Sum(blob.Raw, []byte{byte(i)})})
		if err != nil {
			t.NotJudged("%v", err)
		}
		objects = append(objects, b)
	}
	for _, b := range objects {
		var want [][]byte
		wrong := uint64(0)
		for id, err := range object.Links(b) {
			if err != nil {
				wrong++
				continue
			}
			want = append(want, id[:])
		}
		m := p.must("object.links", nil, b)
		if !same(m.Bytes, want) || len(m.Numbers) != 1 || m.Numbers[0] != wrong {
			t.Fatalf("%x has the links %x with %d errors: answered %x with %v", b, want, wrong, m.Bytes, m.Numbers)
		}
	}
}

// same tells whether two lists hold the same bytes, nil and empty being the same.
func same(a, b [][]byte) bool {
	for i := range min(len(a), len(b)) {
		if !bytes.Equal(a[i], b[i]) {
			return false
		}
	}
	return len(a) == len(b)
}

func versions(t *judge.T, p *part) {
	for _, v := range []any{
		map[string]any{"v": 1},
		map[string]any{"v": uint64(1 << 63), "a": []any{map[string]any{"v": 7}}},
		map[string]any{"version": 3},
		map[string]any{},
		map[string]any{"u": map[string]any{"v": 2}, "v": 3},
		[]any{"v", 1},
		1, "v", nil,
		map[string]any{"v": 0},
		map[string]any{"v": -1},
		map[string]any{"v": "1"},
		map[string]any{"v": 1.0},
		map[string]any{"v": nil},
		map[string]any{"v": []int{1}},
	} {
		b, err := object.Encode(v)
		if err != nil {
			t.NotJudged("%v", err)
		}
		want, wrong := object.Version(b)
		m, err := p.ask("object.version", nil, b)
		p.alike("Version of "+hex.EncodeToString(b), err, wrong, object.ErrMismatch)
		if err == nil && wrong == nil && (len(m.Numbers) != 1 || m.Numbers[0] != want) {
			t.Errorf("Version of %x is %v: want %d", b, m.Numbers, want)
		}
	}
	p.refuses(object.ErrInvalid, "object.version", nil, unhex("a2617601617600"))
}

func oneEncoding(t *judge.T, p *part) {
	for i := uint64(0); ; i++ {
		v, ok := pipe.Special(i)
		if !ok {
			break
		}
		judgeEncoding(p, v, i, 0)
	}
	for i := range uint64(300) {
		judgeEncoding(p, pipe.Random(t.Seed()+i), t.Seed()+i, 1)
	}
}

func judgeEncoding(p *part, v any, i, random uint64) {
	want, wrong := object.Encode(v)
	m, err := p.ask("object.encode", words(i, random))
	p.alike("Encode", err, wrong, object.ErrUnencodable)
	if err == nil && wrong == nil && !same(m.Bytes, [][]byte{want}) {
		p.t.Errorf("Encode of %T %v is %x: want %x", v, v, m.Bytes, want)
	}
}

func records(t *judge.T, p *part) {
	link := blob.Sum(blob.Raw, []byte("link"))
	good := map[string]any{"name": "n", "size": 7, "parts": []any{1, 65535}, "next": nil}
	with := func(key string, v any) map[string]any {
		m := map[string]any{key: v}
		for k, v := range good {
			if _, ok := m[k]; !ok {
				m[k] = v
			}
		}
		return m
	}
	for _, v := range []any{
		good, with("link", link), with("notes", map[string]string{"a": "b"}), with("next", good), with("size", -7),
		with("more", 1), with("Name", "n"), with("link", nil), with("notes", map[string]string{}), with("parts", nil), with("parts", []any{65536}), with("parts", []any{-1}),
		with("size", 7.0), with("size", uint64(1<<63)), with("size", "7"), with("name", []byte("n")), with("name", nil), with("next", with("more", 1)), with("link", link[:]),
		map[string]any{"name": "n", "size": 7},
		[]any{"n", 7},
		7, nil,
		map[string]any{},
	} {
		id, err := object.Save(p.blobs, v)
		if err != nil {
			t.NotJudged("%v", err)
		}
		var r pipe.Record
		want := object.Load(p.blobs.Memory, id, &r)
		m, err := p.ask("object.record", nil, id[:])
		p.alike("Load of a record", err, want, object.ErrMismatch, object.ErrInvalid)
		if err == nil && !same(m.Bytes, [][]byte{id[:]}) {
			t.Errorf("a record that was loaded and saved again has another ID")
		}
	}
	raw, _ := p.blobs.Put(blob.Raw, unhex("a0"))
	p.refuses(object.ErrMismatch, "object.record", nil, raw[:])
	loose, _ := p.blobs.Put(blob.DAGCBOR, unhex("1817"))
	p.refuses(object.ErrInvalid, "object.record", nil, loose[:])
	gone := blob.Sum(blob.DAGCBOR, []byte("gone"))
	p.refuses(blob.ErrNotFound, "object.record", nil, gone[:])
}
