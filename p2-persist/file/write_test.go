package file_test

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"dss.example/common/blob"
	"dss.example/p2-persist/chunk"
	"dss.example/p2-persist/file"
)

func TestWhatIsWrittenIsRead(t *testing.T) {
	// 64-byte chunks of 100,000 bytes fill nodes of two levels; of 1,200,000, three.
	for _, n := range []int{0, 1, 63, 64, 65, 128, 64 * file.MinParts, 64*file.MaxParts + 1, 100_000, 1_200_000} {
		for _, c := range []chunk.Cutter{fixed(64), chunk.RabinKarp{}, chunk.Small(), chunk.Default()} {
			s := newStore()
			data := randomBytes(1, n)
			f := open(t, s, write(t, s, data, c))
			require.EqualValues(t, n, f.Size())
			got, err := io.ReadAll(f)
			require.NoError(t, err)
			require.True(t, bytes.Equal(data, got), "%d bytes, %s", n, c)
		}
	}
}

func TestAFileOfOneChunkIsItsBlob(t *testing.T) {
	for _, n := range []int{0, 1, 4096} {
		s := newStore()
		data := randomBytes(2, n)
		id := write(t, s, data, fixed(4096))
		require.Equal(t, blob.Sum(blob.Raw, data), id)
		blobs, size := s.stored(t)
		require.Equal(t, 1, blobs)
		require.EqualValues(t, n, size)
	}
}

func TestALargerFileIsANodeThatListsItsChunks(t *testing.T) {
	s := newStore()
	id := write(t, s, []byte("aaaabbbbcc"), fixed(4))
	b, err := s.Get(id)
	require.NoError(t, err)
	n, err := file.ParseNode(b)
	require.NoError(t, err)
	part := func(text string) file.Part {
		return file.Part{Size: int64(len(text)), Link: blob.Sum(blob.Raw, []byte(text))}
	}
	want := file.Node{Level: 1, Parts: []file.Part{part("aaaa"), part("bbbb"), part("cc")}}
	require.Empty(t, cmp.Diff(want, n))
	require.EqualValues(t, 10, n.Size())
}

func TestSameBytesHaveTheSameIDHoweverTheyCome(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := rapid.SampledFrom([]chunk.Cutter{fixed(64), chunk.RabinKarp{}, chunk.Small()}).Draw(t, "cutter")
		data := randomBytes(3, rapid.IntRange(0, 200_000).Draw(t, "size"))
		clear(data[len(data)/4 : len(data)/4+rapid.IntRange(0, len(data)/4).Draw(t, "zeros")])
		want, _, err := file.Write(blob.NewMemory(), bytes.NewReader(data), c)
		require.NoError(t, err)

		w := file.NewWriter(blob.NewMemory(), c, rapid.IntRange(0, 4).Draw(t, "workers"))
		for range 2 { // a store that is empty, and one that has it all
			id, size, err := w.Put(iotest.HalfReader(bytes.NewReader(data)))
			require.NoError(t, err)
			require.Equal(t, want, id)
			require.EqualValues(t, len(data), size)
		}
	})
}

// The IDs are the format: if they change, old files are found no more.
func TestTheIDsOfKnownFilesNeverChange(t *testing.T) {
	data := randomBytes(4, 3_000_000)
	clear(data[1_000_000:1_500_000])
	want := map[string]string{
		"fixed:64":            "bafyreidi66usak3mtad2msp4udxlj3qqsshwsdkt4g27flvyskqcxxwkhm",
		"rabin":               "bafyreid2thflzesv7vuwc5ozd2di24blirhyrqyrhyrhczzjxa5bxjvcq4",
		"fastcdc:2K,8K,64K":   "bafyreibxdphmufp4vxtkmqaqb6a7wri354k7mwykpewmmpqzam4wxv2j4m",
		"fastcdc:64K,256K,1M": "bafyreih7lbe6kqde72d6gairm6wyyhbcd6abccsgp2mhkx43xve5lq4vga",
	}
	got := map[string]string{}
	for _, c := range []chunk.Cutter{fixed(64), chunk.RabinKarp{}, chunk.Small(), chunk.Default()} {
		got[c.String()] = write(t, newStore(), data, c).String()
	}
	require.Empty(t, cmp.Diff(want, got))
}

func TestNodesHaveBoundedPartsAndAllLevelsBelowThem(t *testing.T) {
	s := newStore()
	id := write(t, s, randomBytes(5, 4_000_000), fixed(64))
	sizes := map[int][]int{}
	for _, id := range walk(t, s, id) {
		if id.Codec() == blob.Raw {
			continue
		}
		b, err := s.Get(id)
		require.NoError(t, err)
		n, err := file.ParseNode(b)
		require.NoError(t, err)
		sizes[n.Level] = append(sizes[n.Level], len(n.Parts))
	}
	require.Len(t, sizes, 3, "levels")
	require.Len(t, sizes[3], 1, "the root")
	for level := 1; level <= 2; level++ {
		all := sizes[level]
		require.GreaterOrEqual(t, slices.Min(all[:len(all)-1]), file.MinParts, "level %d", level)
		require.LessOrEqual(t, slices.Max(all), file.MaxParts)
	}
	require.Less(t, slices.Min(sizes[1][:len(sizes[1])-1]), 100, "some nodes end early, by what is in them")
	require.Greater(t, slices.Max(sizes[1]), 300, "and some late")
}

func TestChunksOfZerosAreHolesAndNotStored(t *testing.T) {
	s := newStore()
	data := randomBytes(6, 4000)
	clear(data[800:3200]) // chunks 1 to 3 of 5, and half of 0 is not enough
	id := write(t, s, data, fixed(800))
	b, err := s.Get(id)
	require.NoError(t, err)
	n, err := file.ParseNode(b)
	require.NoError(t, err)
	require.Empty(t, cmp.Diff(file.Node{Level: 1, Parts: []file.Part{
		{Size: 800, Link: blob.Sum(blob.Raw, data[:800])},
		{Size: 2400},
		{Size: 800, Link: blob.Sum(blob.Raw, data[3200:])},
	}}, n))
	blobs, _ := s.stored(t)
	require.Equal(t, 3, blobs)
	got, err := io.ReadAll(open(t, s, id))
	require.NoError(t, err)
	require.True(t, bytes.Equal(data, got))
}

func TestAHoleAcrossTheEndOfANodeIsOnePart(t *testing.T) {
	s := newStore()
	data := randomBytes(7, 64*(file.MaxParts+10))
	clear(data[64*(file.MinParts-1):])
	n, err := file.ParseNode(get(t, s, write(t, s, data, fixed(64))))
	require.NoError(t, err)
	require.Len(t, n.Parts, file.MinParts)
	require.EqualValues(t, len(data)-64*(file.MinParts-1), n.Parts[file.MinParts-1].Size)

	n, err = file.ParseNode(get(t, s, write(t, s, append(data, 1), fixed(64))))
	require.NoError(t, err)
	require.Equal(t, 1, n.Level, "and no hole ends a node")
	require.Len(t, n.Parts, file.MinParts+1)
}

// Only the next part shows that a node has ended: a hole at its end may still grow, and
// nothing at all may come.
func TestAFullNodeIsDoneWhenMoreComes(t *testing.T) {
	s := newStore()
	chunk := randomBytes(14, 64) // whose link ends no node
	require.NotZero(t, blob.Sum(blob.Raw, chunk)[blob.IDSize-1]&0x7f)
	full := bytes.Repeat(chunk, file.MaxParts)
	n, err := file.ParseNode(get(t, s, write(t, s, full, fixed(64))))
	require.NoError(t, err)
	require.Equal(t, 1, n.Level, "nothing comes behind the full node, so it is the root")
	require.Len(t, n.Parts, file.MaxParts)

	clear(full[64*(file.MaxParts-1):])
	n, err = file.ParseNode(get(t, s, write(t, s, append(full, make([]byte, 640)...), fixed(64))))
	require.NoError(t, err)
	require.Equal(t, 1, n.Level, "what comes is more of the hole")
	require.Len(t, n.Parts, file.MaxParts)
	require.EqualValues(t, 64+640, n.Parts[file.MaxParts-1].Size)
}

func get(t testing.TB, s blob.Store, id blob.ID) []byte {
	t.Helper()
	b, err := s.Get(id)
	require.NoError(t, err)
	return b
}

func TestAFileOfZerosIsOneSmallNode(t *testing.T) {
	for _, n := range []int64{1, 100, 1 << 20, 20 << 20} {
		s := newStore()
		id, size, err := file.Write(s, io.LimitReader(zeroReader{}, n), chunk.Default())
		require.NoError(t, err)
		require.Equal(t, n, size)
		blobs, bytes := s.stored(t)
		require.Equal(t, 1, blobs)
		require.Less(t, bytes, int64(40))
		require.Equal(t, n, open(t, s, id).Size())
	}
}

// zeroReader delivers zeros for ever.
type zeroReader struct{}

func (zeroReader) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

func TestAnInsertedByteStoresTheChunksAroundItAndTheNodesAboveThem(t *testing.T) {
	old := randomBytes(8, 8<<20)
	for _, at := range []int{0, 2_000_000} {
		s := newStore()
		was := walk(t, s, write(t, s, old, chunk.RabinKarp{}))
		changed := slices.Concat(old[:at], []byte("!"), old[at:])
		added := map[blob.Codec]int{}
		for _, id := range walk(t, s, write(t, s, changed, chunk.RabinKarp{})) {
			if !slices.Contains(was, id) {
				added[id.Codec()]++
			}
		}
		t.Logf("one byte at %d: of %d blobs, %d chunks and %d nodes are new", at, len(was), added[blob.Raw], added[blob.DAGCBOR])
		require.LessOrEqual(t, added[blob.Raw], 3)
		require.LessOrEqual(t, added[blob.DAGCBOR], 4)
	}
}

func TestAnErrorOfTheReaderIsReturned(t *testing.T) {
	broken := errors.New("cable cut")
	for _, n := range []int{0, 10, 10_000} {
		r := io.MultiReader(bytes.NewReader(randomBytes(9, n)), iotest.ErrReader(broken))
		id, size, err := file.Write(newStore(), r, fixed(64))
		require.ErrorIs(t, err, broken)
		require.Zero(t, size)
		require.True(t, id.IsZero())
	}
}

func TestEveryFailedPutIsReturnedAndNobodyIsLeftBehind(t *testing.T) {
	data := randomBytes(10, 64*280) // two levels of nodes
	for _, workers := range []int{0, 2} {
		for failAt := 1; ; failAt++ {
			var calls int
			synctest.Test(t, func(t *testing.T) { // fails if a goroutine outlives it
				s := newStore()
				s.failAt = failAt
				w := file.NewWriter(s, fixed(64), workers)
				_, _, err := w.Put(bytes.NewReader(data))
				if calls = s.calls; calls >= failAt {
					require.ErrorIs(t, err, errDisk, "call %d of %d", failAt, calls)
				} else {
					require.NoError(t, err)
				}
				s.failAt = 0
				id, _, err := w.Put(bytes.NewReader(data))
				require.NoError(t, err, "the Writer can be used again")
				require.Equal(t, write(t, newStore(), data, fixed(64)), id)
			})
			if calls < failAt {
				require.Greater(t, failAt, 280+3, "chunks, two nodes, and a root")
				break
			}
		}
	}
}

func TestWithoutWorkersTheStoreSeesTheSameCalls(t *testing.T) {
	data := randomBytes(11, 64*1000)
	var runs [2][]blob.ID
	for i := range runs {
		s := newStore()
		_, _, err := file.NewWriter(s, fixed(64), 0).Put(bytes.NewReader(data))
		require.NoError(t, err)
		runs[i] = s.puts
	}
	require.Empty(t, cmp.Diff(runs[0], runs[1]))
	require.Equal(t, blob.Sum(blob.Raw, data[:64]), runs[0][0], "chunks in their order")
}

// gateStore lets the put of a chunk go on only when somebody receives from gate.
type gateStore struct {
	blob.Store
	gate    chan struct{}
	waiting atomic.Int64
}

func (s *gateStore) Put(codec blob.Codec, b []byte) (blob.ID, error) {
	if codec == blob.Raw {
		s.waiting.Add(1)
		s.gate <- struct{}{}
		s.waiting.Add(-1)
	}
	return s.Store.Put(codec, b)
}

func TestWorkersPutSeveralChunksAtOnceAndABoundedNumber(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &gateStore{Store: blob.NewMemory(), gate: make(chan struct{})}
		r := &countingReader{data: randomBytes(12, 64*1000)}
		done := make(chan error)
		go func() {
			_, _, err := file.NewWriter(s, fixed(64), 3).Put(r)
			done <- err
		}()
		<-s.gate        // the first chunk, put by the caller
		synctest.Wait() // all are blocked: the workers in Put, the caller on a full queue
		require.EqualValues(t, 3, s.waiting.Load())
		require.LessOrEqual(t, r.read, 64*(1+2*3+4), "it does not read on while the store is stuck")
		for range 999 {
			<-s.gate
		}
		require.NoError(t, <-done)
	})
}

func TestAFileOfOneChunkStartsNoWorkers(t *testing.T) {
	const fewer = 5 // allocations than it takes to start them
	w := file.NewWriter(nullStore{}, chunk.Default(), 2)
	r := bytes.NewReader(nil)
	data := randomBytes(13, 4096)
	put := func() {
		r.Reset(data)
		_, _, err := w.Put(r)
		require.NoError(t, err)
	}
	require.Less(t, testing.AllocsPerRun(10, put), float64(fewer))
}

// countingReader delivers 64 bytes a read.
type countingReader struct {
	data []byte
	read int
}

func (r *countingReader) Read(p []byte) (int, error) {
	if r.read == len(r.data) {
		return 0, io.EOF
	}
	n := copy(p[:min(64, len(p))], r.data[r.read:])
	r.read += n
	return n, nil
}
