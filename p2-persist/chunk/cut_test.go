package chunk_test

import (
	"bytes"
	"math/bits"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"dss.example/p2-persist/chunk"
)

func TestEveryChunkKeepsTheLimitsAndNothingIsLost(t *testing.T) {
	for _, c := range cutters() {
		for _, n := range []int{0, 1, least(c) - 1, least(c), least(c) + 1, c.Max() - 1, c.Max(), c.Max() + 1, 3*c.Max() + 7} {
			for _, data := range [][]byte{randomBytes(2, n), wordBytes(n), make([]byte, n)} {
				parts := cut(t, bytes.NewReader(data), c)
				require.True(t, bytes.Equal(data, bytes.Join(parts, nil)), "%s of %d bytes", c, n)
				for i, part := range parts {
					require.LessOrEqual(t, len(part), c.Max(), "%s", c)
					require.True(t, len(part) >= least(c) || i == len(parts)-1, "%s: %d bytes", c, len(part))
				}
			}
		}
	}
}

func TestALengthStaysWhatItIsWhenMoreBytesFollow(t *testing.T) {
	for _, c := range cutters() {
		for seed := range byte(4) {
			data := randomBytes(seed, c.Max()+100)
			whole := c.Cut(data, false)
			require.Positive(t, whole, "%s decides with Max bytes", c)
			require.Equal(t, whole, c.Cut(data[:c.Max()], false), "%s looks at no more than Max bytes", c)
			require.Equal(t, whole, c.Cut(data[:whole], false), "%s knows with the last byte of the chunk", c)
			require.Equal(t, whole, c.Cut(data[:whole], true), "%s at the end of the stream", c)
			for _, n := range []int{0, 1, least(c) - 1, whole - 1} {
				require.Zero(t, c.Cut(data[:n], false), "%s cannot know with %d bytes of %d", c, n, whole)
			}
			require.Zero(t, c.Cut(nil, true), "%s", c)
		}
	}
}

func TestFixedCutsAfterItsSize(t *testing.T) {
	c, err := chunk.NewFixed(1000)
	require.NoError(t, err)
	require.Empty(t, cmp.Diff([]int{1000, 1000, 500}, sizes(t, make([]byte, 2500), c)))
}

// polynomial is the hash of Rabin and Karp mod 4096, from scratch.
func polynomial(window []byte) int {
	sum, power := 0, 1
	for i := range window {
		sum = (sum + int(window[len(window)-1-i])*power) % 4096
		power = power * 31 % 4096
	}
	return sum
}

// gearZeros is the number of leading zeros of the gear hash, from scratch.
func gearZeros(gear [256]uint64, window []byte) int {
	var sum uint64
	for i, b := range window {
		sum += gear[b] << (63 - i)
	}
	return bits.LeadingZeros64(sum)
}

// The definition, word for word: the polynomial of every window from scratch.
func TestRabinKarpCutsWhereThePolynomialSays(t *testing.T) {
	for _, data := range [][]byte{randomBytes(3, 200_000), wordBytes(200_000)} {
		var want []int
		for rest := data; len(rest) > 0; {
			n := min(len(rest), 8192)
			for k := 2048; k < n; k++ {
				if polynomial(rest[k-32:k]) == 4095 {
					n = k
				}
			}
			want, rest = append(want, n), rest[n:]
		}
		require.Empty(t, cmp.Diff(want, sizes(t, data, chunk.RabinKarp{})))
	}
}

// The definition, word for word: the gear hash of every window from scratch.
func TestFastCDCCutsWhereTheGearHashSays(t *testing.T) {
	gear := splitMix(0x67656172)
	for _, data := range [][]byte{randomBytes(4, 400_000), wordBytes(400_000)} {
		var want []int
		for rest := data; len(rest) > 0; {
			n := min(len(rest), 64<<10)
			for k := 2 << 10; k < n; k++ {
				wanted := 13 + 2
				if k > 8<<10 {
					wanted = 13 - 2
				}
				if gearZeros(gear, rest[k-64:k]) >= wanted {
					n = k
				}
			}
			want, rest = append(want, n), rest[n:]
		}
		require.Empty(t, cmp.Diff(want, sizes(t, data, chunk.Small())))
	}
}

func TestRabinKarpAsksTheLengthsFrom2048To8192(t *testing.T) {
	c := chunk.RabinKarp{}
	window := windowFor(32, func(w []byte) bool { return polynomial(w) == 4095 })
	for end, want := range map[int]int{2047: 8192, 2048: 2048, 2049: 2049, 8191: 8191, 8192: 8192} {
		require.Equal(t, want, c.Cut(zerosWith(c, window, end), false), "window that ends at %d", end)
	}
}

func TestFastCDCAsksForMoreZerosUpToTheAverage(t *testing.T) {
	c, gear := chunk.Small(), splitMix(0x67656172)
	for _, try := range []struct{ zeros, end, want int }{
		{15, 2<<10 - 1, 64 << 10}, // too near
		{15, 2 << 10, 2 << 10},
		{14, 2 << 10, 64 << 10}, // too few zeros
		{15, 8 << 10, 8 << 10},
		{14, 8 << 10, 64 << 10},
		{11, 8<<10 + 1, 8<<10 + 1},
		{10, 8<<10 + 1, 64 << 10},
		{11, 64<<10 - 1, 64<<10 - 1},
	} {
		window := windowFor(64, func(w []byte) bool { return gearZeros(gear, w) == try.zeros })
		require.Equal(t, try.want, c.Cut(zerosWith(c, window, try.end), false), "%v", try)
	}
}

// splitMix returns the first 256 words of the generator that fills the gear table.
func splitMix(seed uint64) (words [256]uint64) {
	for i := range words {
		z := seed + uint64(i+1)*0x9e3779b97f4a7c15
		z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9
		z = (z ^ (z >> 27)) * 0x94d049bb133111eb
		words[i] = z ^ (z >> 31)
	}
	return words
}

// These lengths are the format: if one changes, new data shares nothing with old.
func TestTheCutsOfTheNamedParametersNeverChange(t *testing.T) {
	data := randomBytes(5, 2_000_000)
	want := map[string][]int{
		"rabin":               {3933, 2710, 4425, 2276, 8192, 2833},
		"fastcdc:2K,8K,64K":   {8713, 8322, 15780, 9001, 8970, 15150},
		"fastcdc:64K,256K,1M": {242361, 367381, 281483, 284903, 233578, 354676},
	}
	got := map[string][]int{}
	for _, c := range cutters()[1:] {
		all := sizes(t, data, c)
		got[c.String()] = all[:min(6, len(all))]
	}
	require.Empty(t, cmp.Diff(want, got))
}

func TestBytesThatAreAllTheSameAreCutAtTheLargestSize(t *testing.T) {
	for _, c := range cutters()[:3] { // Small asks for fewer zeros than Default
		for value := range 256 {
			data := bytes.Repeat([]byte{byte(value)}, c.Max()+1)
			require.Equal(t, c.Max(), c.Cut(data, false), "%s of bytes %#x", c, value)
		}
	}
}

func TestChunksOfRandomBytesHaveTheStatedAverage(t *testing.T) {
	data := randomBytes(6, 8<<20)
	for name, bounds := range map[string][2]int{
		"rabin":               {5100, 5360},
		"fastcdc:2K,8K,64K":   {8 << 10, 10 << 10},
		"fastcdc:64K,256K,1M": {220 << 10, 360 << 10},
	} {
		c, err := chunk.Parse(name)
		require.NoError(t, err)
		average := len(data) / len(sizes(t, data, c))
		require.Greater(t, average, bounds[0], name)
		require.Less(t, average, bounds[1], name)
	}
}

func TestAnInsertedByteChangesOnlyTheChunksAroundIt(t *testing.T) {
	const size, at = 6 << 20, 2_000_000
	old := randomBytes(7, size)
	changed := append(append(bytes.Clone(old[:at]), '!'), old[at:]...)
	for _, c := range cutters() {
		figures, err := chunk.Measure(c, bytes.NewReader(old), bytes.NewReader(changed))
		require.NoError(t, err)
		sent := int(figures[1].New)
		t.Logf("%s: %d bytes sent again", c, sent)
		if _, fixed := c.(chunk.Fixed); fixed {
			require.Greater(t, sent, size-at-c.Max(), "fixed sizes share nothing behind the insert")
		} else {
			require.Less(t, sent, 4*c.Max(), "%s finds the old cuts again", c)
		}
	}
}

func TestCutsMeetAgainBehindAnyChange(t *testing.T) {
	data := randomBytes(8, 512<<10)
	rapid.Check(t, func(t *rapid.T) {
		c := rapid.SampledFrom([]chunk.Cutter{chunk.RabinKarp{}, chunk.Small()}).Draw(t, "cutter")
		at := rapid.IntRange(0, 256<<10).Draw(t, "at")
		gone := rapid.IntRange(0, 5000).Draw(t, "gone")
		more := rapid.SliceOfN(rapid.Byte(), 0, 5000).Draw(t, "more")
		changed := append(append(bytes.Clone(data[:at]), more...), data[at+gone:]...)
		old, now := cut(t, bytes.NewReader(data), c), cut(t, bytes.NewReader(changed), c)
		for i := 1; i <= 4; i++ {
			require.True(t, bytes.Equal(old[len(old)-i], now[len(now)-i]), "%s: chunk %d from the end", c, i)
		}
	})
}
