package judged

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"slices"

	"dss.example/common/blob"
	"dss.example/common/judge"

	"dss.example/p2-persist/chunk"
	"dss.example/p2-persist/file"
)

func fileChecks() []judge.Check {
	return []judge.Check{
		{
			Step: "p2.3", Name: "the same bytes are the same file", Run: asks("file", sameFiles),
			Rule: "The ID of a file is that of the one tree that its bytes and its cutter make; all blobs of it are in the store.",
		},
		{
			Step: "p2.3", Name: "zeros are holes", Run: asks("file", holes),
			Rule: "A chunk of nothing but zeros is not stored, holes beside each other are one, and they are read as zeros.",
		},
		{
			Step: "p2.3", Name: "any range reads right", Run: asks("file", ranges),
			Rule: "ReadAt gives the bytes of the range and io.EOF exactly if the file ends before it does.",
		},
		{
			Step: "p2.3", Name: "a range reads its path and no more", Run: asks("file", pathsOnly),
			Rule: "To read some bytes of a large file takes a blob of each level and the chunks that hold them, wherever they are.",
		},
		{
			Step: "p2.3", Name: "a file is read from its beginning to its end", Run: asks("file", copies),
			Rule: "A reader of a file gets all of its bytes, and each chunk is got once.",
		},
		{
			Step: "p2.3", Name: "a file that lies is malformed", Run: asks("file", lyingFiles),
			Rule: "A node that is none, or has another level or size than its parent says, is ErrMalformed, a blob that is not there ErrNotFound: never a wrong byte.",
		},
	}
}

// staffFile stores a file as it should be.
func staffFile(p *part, store blob.Store, name string, b []byte) blob.ID {
	c, err := chunk.Parse(name)
	if err != nil {
		p.t.NotJudged("%v", err)
	}
	id, _, err := file.NewWriter(store, c, 0).Put(bytes.NewReader(b))
	if err != nil {
		p.t.NotJudged("%v", err)
	}
	return id
}

// judgeFile lets a file be written, looks at what is in the store, and returns its ID.
func judgeFile(p *part, name string, b []byte) blob.ID {
	p.blobs = newShelf()
	want := staffFile(p, blob.NewMemory(), name, b)
	m := p.must("file.write", words(0, 5000), []byte(name), b)
	if !same(m.Bytes, [][]byte{want[:]}) || len(m.Numbers) != 1 || m.Numbers[0] != uint64(len(b)) {
		p.t.Fatalf("a file of %d bytes, cut by %s, has the ID %x and size %d: want %x", len(b), name, m.Bytes, m.Numbers, want[:])
	}
	f, err := file.Open(p.blobs.Memory, want)
	if err == nil {
		var got []byte
		if got, err = io.ReadAll(f); err == nil && !bytes.Equal(got, b) {
			err = errors.New("other bytes")
		}
	}
	if err != nil {
		p.t.Fatalf("a file of %d bytes, cut by %s, is in the store as %v", len(b), name, err)
	}
	return want
}

// fileCutter makes trees of several levels of few bytes.
const fileCutter = "fixed:16"

func sameFiles(_ *judge.T, p *part) {
	for _, n := range []int{0, 1, 16, 17, 16 * 64, 16*64 + 1, 16 * 512, 16*512 + 1, 400_000} {
		judgeFile(p, fileCutter, noise(7, n))
	}
	for _, name := range []string{"rabin", "fastcdc", "fastcdc:64,256,1K"} {
		judgeFile(p, name, noise(8, 1_500_000))
	}
}

// patchy returns bytes with long and short stretches of zeros.
func patchy(seed uint64, n int) []byte {
	b := noise(seed, n)
	for i := 0; i < n; i += 1000 {
		if b[i]%3 == 0 {
			clear(b[i:min(n, i+int(b[i])*20)])
		}
	}
	return b
}

func holes(t *judge.T, p *part) {
	for _, b := range [][]byte{make([]byte, 16), make([]byte, 1<<20), make([]byte, 1<<20+1), patchy(t.Seed(), 200_000), append(make([]byte, 50_000), 1)} {
		id := judgeFile(p, fileCutter, b)
		judgeRanges(p, id, b, words(0, 100, uint64(len(b)/2), 60, uint64(len(b)-1), 10))
	}
}

// judgeRanges compares ranges of a file: offsets and sizes.
func judgeRanges(p *part, id blob.ID, b []byte, at []uint64) {
	m := p.must("file.read", at, id[:])
	for i := 0; i < len(at); i += 2 {
		from := min(at[i], uint64(len(b)))
		want := b[from:min(from+at[i+1], uint64(len(b)))]
		end := uint64(len(want)) < at[i+1]
		if i/2 >= min(len(m.Bytes), len(m.Numbers)) || !bytes.Equal(m.Bytes[i/2], want) || end && m.Numbers[i/2] != 1 {
			p.t.Fatalf("%d bytes at %d of a file of %d bytes are not what was written, or the end is not told", at[i+1], at[i], len(b))
		}
		if inside := at[i]+at[i+1] < uint64(len(b)); inside && m.Numbers[i/2] != 0 {
			p.t.Fatalf("%d bytes at %d of a file of %d bytes are told to be its end", at[i+1], at[i], len(b))
		}
	}
}

func ranges(t *judge.T, p *part) {
	b := patchy(t.Seed(), 150_000)
	id := staffFile(p, p.blobs, fileCutter, b)
	r := rand.New(rand.NewPCG(t.Seed(), 3))
	var at []uint64
	for range 500 {
		at = append(at, r.Uint64N(uint64(len(b))+20), r.Uint64N(1<<r.Uint64N(13)))
	}
	judgeRanges(p, id, b, at)
	small := staffFile(p, p.blobs, fileCutter, b[:10])
	judgeRanges(p, small, b[:10], words(0, 10, 0, 11, 9, 1, 10, 1, 100, 1, 3, 0))
}

func pathsOnly(t *judge.T, p *part) {
	b := noise(t.Seed(), 1<<20) // three levels of nodes over 65,536 chunks
	id := staffFile(p, p.blobs, fileCutter, b)
	for _, at := range []uint64{0, 12_345, 1 << 19, 1<<20 - 40} {
		gets, _ := p.blobs.count(func() { judgeRanges(p, id, b, words(at, 33)) })
		if gets > 12 {
			t.Errorf("33 bytes at %d took %d blobs: want a node a level and the chunks", at, gets)
		}
	}
}

func copies(t *judge.T, p *part) {
	for _, b := range [][]byte{nil, noise(1, 10), noise(t.Seed(), 100_000), patchy(t.Seed(), 100_000)} {
		id := staffFile(p, p.blobs, fileCutter, b)
		before := p.blobs.gets
		m := p.shaped(1, 1, "file.copy", nil, id[:])
		if !same(m.Bytes, [][]byte{b}) || m.Numbers[0] != uint64(len(b)) {
			t.Fatalf("a file of %d bytes was copied wrong", len(b))
		}
		if gets := p.blobs.gets - before; gets > len(b)/16*6/5+20 {
			t.Errorf("a copy of %d bytes in chunks of 16 got %d blobs: each should be got once", len(b), gets)
		}
	}
}

// lyingFiles changes a node of a good file, and lets its parents follow.
func lyingFiles(t *judge.T, p *part) {
	b := patchy(t.Seed(), 15_000) // two levels of nodes
	id := staffFile(p, p.blobs, fileCutter, b)
	r := rand.New(rand.NewPCG(t.Seed(), 4))
	for range 100 {
		bad := lie(p, r, id)
		want, wrong := staffReads(p, bad, len(b))
		m, err := p.ask("file.read", words(0, uint64(len(b))), bad[:])
		p.alike("a file with a false node", err, wrong, file.ErrMalformed, blob.ErrNotFound)
		if err == nil && wrong == nil && !same(m.Bytes, [][]byte{want}) {
			t.Errorf("a file with a false node was read as bytes that are not in it")
		}
	}
}

// lie returns a file in which one node on a random way down is false.
func lie(p *part, r *rand.Rand, id blob.ID) blob.ID {
	b, err := p.blobs.Memory.Get(id)
	if err != nil {
		p.t.NotJudged("%v", err)
	}
	n, err := file.ParseNode(b)
	if err != nil { // a chunk
		id, _ = p.blobs.Memory.Put(blob.Raw, b[:len(b)-1])
		return id
	}
	n.Parts = slices.Clone(n.Parts)
	part := &n.Parts[r.IntN(len(n.Parts))]
	what := r.IntN(5)
	switch {
	case r.IntN(2) == 0 && !part.Hole():
		part.Link = lie(p, r, part.Link)
	case what == 0:
		n.Level++
	case what == 1:
		part.Size++
	case what == 2:
		part.Size = max(1, part.Size-1)
	case what == 3:
		part.Link = blob.Sum(blob.Raw, noise(r.Uint64(), 5)) // nowhere
	default:
		id, _ = p.blobs.Memory.Put(blob.DAGCBOR, mutate(r, b))
		return id
	}
	id, _ = p.blobs.Memory.Put(blob.DAGCBOR, n.Append(nil))
	return id
}

// staffReads is what reading the first bytes of a file should give.
func staffReads(p *part, id blob.ID, n int) ([]byte, error) {
	f, err := file.Open(p.blobs.Memory, id)
	if err != nil {
		return nil, err
	}
	b := make([]byte, n)
	if n, err = f.ReadAt(b, 0); errors.Is(err, io.EOF) {
		err = nil
	}
	return b[:n], err
}
