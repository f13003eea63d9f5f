package judged

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"

	"dss.example/common/judge"

	"dss.example/p2-persist/chunk"
)

func chunkChecks() []judge.Check {
	checks := []judge.Check{
		{
			Step: "p2.2", Name: "a cut is where it is however much is known", Run: asks("chunk", prefixes),
			Rule: "Cut answers 0 exactly if bytes that it has not seen could change the answer; an answer stays what it is, however many bytes follow.",
		},
		{
			Step: "p2.2", Name: "the same cuts for any split of the reads", Run: asks("chunk", splits),
			Rule: "How a reader delivers its bytes, one by one or at once, has no influence on the chunks; together they are the stream.",
		},
		{
			Step: "p2.2", Name: "the end and an error of the reader are told apart", Run: asks("chunk", brokenReads),
			Rule: "A reader that fails gives its error, not a last chunk that looks like the end.",
		},
	}
	for _, c := range []struct{ name, cutters, rule string }{
		{"fixed cuts", "fixed:1 fixed:1000 fixed:4K fixed:1M", "Fixed cuts every chunk but the last at its size."},
		{"cuts of Rabin and Karp", "rabin", "RabinKarp ends a chunk at the first length from 2048 to 8191 at which the hash of the last 32 bytes is 4095 mod 4096, else at 8192."},
		{"cuts of FastCDC", "fastcdc fastcdc:64,256,1K fastcdc:2K,8K,64K", "FastCDC ends a chunk where the gear hash of the last 64 bytes has two zero bits more, or two fewer, than the average asks for."},
	} {
		checks = append(checks, judge.Check{Step: "p2.2", Name: c.name, Rule: c.rule, Run: asks("chunk", func(_ *judge.T, p *part) {
			for _, name := range bytes.Fields([]byte(c.cutters)) {
				for _, s := range streams() {
					if len(s) <= 8<<10 || string(name) != "fixed:1" {
						judgeChunks(p, string(name), s)
					}
				}
			}
		})})
	}
	return checks
}

// noise returns bytes that look random and are always the same.
func noise(seed uint64, n int) []byte {
	var key [32]byte
	copy(key[:], fmt.Sprint("noise ", seed))
	b := make([]byte, n)
	_, _ = rand.NewChaCha8(key).Read(b) // always all of it
	return b
}

// streams are what is cut: the empty one, sizes around every bound, bytes without an
// edge, and a stream that agrees with another but for a byte.
func streams() (all [][]byte) {
	for _, n := range []int{0, 1, 63, 64, 65, 256, 1024, 2047, 2048, 2049, 8191, 8192, 8193, 70_000, 700_000} {
		all = append(all, noise(uint64(n), n))
	}
	return append(all, make([]byte, 100_000), bytes.Repeat([]byte("a line that comes again\n"), 5000), append([]byte("x"), noise(700_000, 300_000)...))
}

// judgeChunks compares the chunks of a stream with what they should be, if its reads
// have some sizes.
func judgeChunks(p *part, name string, stream []byte, reads ...uint64) {
	c, err := chunk.Parse(name)
	if err != nil {
		p.t.NotJudged("%v", err)
	}
	var want []int
	for ch := range chunk.Chunks(bytes.NewReader(stream), c) {
		want = append(want, len(ch.Data))
	}
	m := p.must("chunk.stream", append(words(0), reads...), []byte(name), stream)
	if len(m.Numbers) != len(m.Bytes) {
		p.t.Fatalf("%s: %d offsets of %d chunks", name, len(m.Numbers), len(m.Bytes))
	}
	at := 0
	for i, b := range m.Bytes {
		switch {
		case i >= len(want) || len(b) != want[i]:
			p.t.Fatalf("%s cuts a stream of %d bytes, read in pieces of %v, at %d and %d, which is no cut", name, len(stream), reads, at, at+len(b))
		case m.Numbers[i] != uint64(at) || !bytes.Equal(b, stream[at:at+len(b)]):
			p.t.Fatalf("%s: the chunk at %d is said to be at %d, or has other bytes than the stream", name, at, m.Numbers[i])
		}
		at += len(b)
	}
	if at != len(stream) {
		p.t.Fatalf("%s: the chunks of a stream of %d bytes end at %d", name, len(stream), at)
	}
}

func splits(t *judge.T, p *part) {
	r := rand.New(rand.NewPCG(t.Seed(), 2))
	for _, name := range []string{"fixed:1000", "rabin", "fastcdc:64,256,1K", "fastcdc:2K,8K,64K"} {
		for _, reads := range [][]uint64{{1}, {7}, {0, 3, 1000}, {2048}, {8192}, {8191, 1}, {1 << 20}, {1 + r.Uint64N(100), r.Uint64N(5000), r.Uint64N(50_000)}} {
			judgeChunks(p, name, noise(t.Seed(), 60_000), reads...)
			judgeChunks(p, name, make([]byte, 30_000), reads...)
		}
	}
}

func prefixes(t *judge.T, p *part) {
	for _, name := range []string{"fixed:1000", "rabin", "fastcdc:64,256,1K"} {
		c, err := chunk.Parse(name)
		if err != nil {
			t.NotJudged("%v", err)
		}
		for i := range uint64(20) {
			b := noise(t.Seed()+i, 9000)
			if i == 0 {
				clear(b)
			}
			var lengths, want []uint64
			for n := 0; n <= len(b); n += 1 + n/20 + int(i) {
				lengths, want = append(lengths, uint64(n)), append(want, uint64(c.Cut(b[:n], n == len(b))))
			}
			m := p.must("chunk.cut", lengths, []byte(name), b)
			if fmt.Sprint(m.Numbers) != fmt.Sprint(want) {
				t.Fatalf("%s: Cut of the first %v bytes of a stream is %v: want %v", name, lengths, m.Numbers, want)
			}
		}
	}
}

func brokenReads(_ *judge.T, p *part) {
	for _, name := range []string{"fixed:1000", "rabin", "fastcdc:2K,8K,64K"} {
		for _, n := range []int{0, 1, 1000, 50_000} {
			judgeChunks(p, name, noise(1, n), 4096)
			p.refuses(io.ErrUnexpectedEOF, "chunk.stream", words(1, 4096), []byte(name), noise(1, n))
		}
	}
}
