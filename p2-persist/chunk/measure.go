package chunk

import (
	"crypto/sha256"
	"fmt"
	"io"
	"math/bits"
)

// Figures tell how a stream was cut, and how much of it was new.
type Figures struct {
	Bytes    int64 // of the whole stream
	New      int64 // bytes of chunks that were not seen before, each counted once
	Chunks   int
	Smallest int // in bytes; often the last one, which ends with the stream
	Largest  int // in bytes

	// Sizes counts at i the chunks of 2ⁱ to 2ⁱ⁺¹-1 bytes.
	Sizes [maxSizeBits]int
}

// maxSizeBits is how many bits it takes to write MaxSize.
const maxSizeBits = 23

func (f *Figures) add(size int, isNew bool) {
	f.Bytes += int64(size)
	if isNew {
		f.New += int64(size)
	}
	if f.Chunks == 0 || size < f.Smallest {
		f.Smallest = size
	}
	f.Largest = max(f.Largest, size)
	f.Chunks++
	f.Sizes[bits.Len(uint(size))-1]++
}

// Average returns the bytes of an average chunk, 0 for an empty stream.
func (f Figures) Average() float64 {
	if f.Chunks == 0 {
		return 0
	}
	return float64(f.Bytes) / float64(f.Chunks)
}

// Ratio returns which part of the stream has to be stored or sent, from 0 (all of it
// was there already) to 1; an empty stream has 0.
func (f Figures) Ratio() float64 {
	if f.Bytes == 0 {
		return 0
	}
	return float64(f.New) / float64(f.Bytes)
}

// String tells the figures in one line.
func (f Figures) String() string {
	return fmt.Sprintf("%d bytes in %d chunks of %d to %d, average %.0f; new %d (%.1f%%)",
		f.Bytes, f.Chunks, f.Smallest, f.Largest, f.Average(), f.New, 100*f.Ratio())
}

// MaxMeasured is how many different chunks Measure remembers.
const MaxMeasured = 1 << 20

// Measure cuts one stream after the other and returns the figures of each. A chunk is
// new if neither its own stream nor one before has had it: for two versions of a file,
// the second figures tell what is sent to someone who has the first.
//
// Errors: what a reader returned, ErrCutter, ErrReader; ErrTooMany beyond MaxMeasured
// different chunks.
func Measure(c Cutter, streams ...io.Reader) ([]Figures, error) {
	seen := map[[sha256.Size]byte]bool{}
	all := make([]Figures, len(streams))
	for i, r := range streams {
		for chunk, err := range Chunks(r, c) {
			if err != nil {
				return nil, fmt.Errorf("stream %d: %w", i, err)
			}
			name := sha256.Sum256(chunk.Data)
			all[i].add(len(chunk.Data), !seen[name])
			seen[name] = true
			if len(seen) > MaxMeasured {
				return nil, fmt.Errorf("stream %d: %w", i, ErrTooMany)
			}
		}
	}
	return all, nil
}
