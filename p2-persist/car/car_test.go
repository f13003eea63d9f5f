package car_test

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"dss.example/common/blob"
	"dss.example/common/house/tally"
	"dss.example/p2-persist/car"
	"dss.example/p2-persist/history"
	"dss.example/p2-persist/object"
)

// tree puts a few blobs and returns the one that leads to all others.
func tree(t testing.TB, s blob.Store) blob.ID {
	links := []blob.ID{}
	for _, text := range []string{"", "one", strings.Repeat("large ", 100_000)} {
		id, err := s.Put(blob.Raw, []byte(text))
		require.NoError(t, err)
		links = append(links, id)
	}
	root, err := object.Save(s, map[string]any{"links": links})
	require.NoError(t, err)
	return root
}

// export returns a CAR of all that id leads to.
func export(t testing.TB, s blob.Store, id blob.ID) []byte {
	t.Helper()
	var b bytes.Buffer
	_, err := car.Export(&b, s, []blob.ID{id}, history.Mark(s, id))
	require.NoError(t, err)
	return b.Bytes()
}

func list(t testing.TB, s blob.Store) []blob.Info {
	t.Helper()
	infos, err := s.List(blob.ID{}, blob.MaxBatch)
	require.NoError(t, err)
	return infos
}

func TestWhatWasExportedIsThereAfterImport(t *testing.T) {
	from, to := blob.NewMemory(), blob.NewMemory()
	root := tree(t, from)
	var b bytes.Buffer
	sent, err := car.Export(&b, from, []blob.ID{root}, history.Mark(from, root))
	require.NoError(t, err)
	roots, got, err := car.Import(to, iotest.OneByteReader(&b))
	require.NoError(t, err)
	require.Equal(t, []blob.ID{root}, roots)
	require.Equal(t, sent, got)
	require.EqualValues(t, 4, got.Blocks)
	require.Equal(t, list(t, from), list(t, to))
}

func TestImportingAgainChangesNothing(t *testing.T) {
	s := blob.NewMemory()
	b := export(t, s, tree(t, s))
	before := list(t, s)
	_, _, err := car.Import(s, bytes.NewReader(b))
	require.NoError(t, err)
	require.Equal(t, before, list(t, s))
}

// The bytes of a CAR with one root and one block, as the specification has them.
func TestACARHasTheBytesOfTheSpecification(t *testing.T) {
	data := []byte("hello world")
	id := blob.Sum(blob.Raw, data)
	link := "d82a5825" + "00" + hex.EncodeToString(id[:])
	header := "a2" + "65" + hex.EncodeToString([]byte("roots")) + "81" + link +
		"67" + hex.EncodeToString([]byte("version")) + "01"
	want := fmt.Sprintf("%02x", len(header)/2) + header +
		fmt.Sprintf("%02x", len(id)+len(data)) + hex.EncodeToString(id[:]) + hex.EncodeToString(data)

	var b bytes.Buffer
	w, err := car.NewWriter(&b, []blob.ID{id})
	require.NoError(t, err)
	require.NoError(t, w.Put(car.Block{ID: id, Data: data}))
	require.Equal(t, want, hex.EncodeToString(b.Bytes()))
}

func TestACARMayHaveNoRootsAndNoBlocks(t *testing.T) {
	var b bytes.Buffer
	_, err := car.NewWriter(&b, nil)
	require.NoError(t, err)
	r, err := car.NewReader(&b)
	require.NoError(t, err)
	require.Empty(t, r.Roots())
	_, err = r.Next()
	require.Equal(t, io.EOF, err)
}

func TestACARHasAsManyRootsAsItMayAndNoMore(t *testing.T) {
	roots := make([]blob.ID, car.MaxRoots+1)
	for i := range roots {
		roots[i] = blob.Sum(blob.Raw, binary.BigEndian.AppendUint32(nil, uint32(i)))
	}
	_, err := car.NewWriter(io.Discard, roots)
	require.ErrorIs(t, err, car.ErrTooMany)
	var b bytes.Buffer
	_, err = car.NewWriter(&b, roots[1:])
	require.NoError(t, err)
	r, err := car.NewReader(&b)
	require.NoError(t, err)
	require.Equal(t, roots[1:], r.Roots())
	_, err = car.NewWriter(io.Discard, []blob.ID{{}})
	require.ErrorIs(t, err, blob.ErrBadID)
}

func TestACARCutAnywhereIsRefusedUnlessBetweenBlocks(t *testing.T) {
	s := blob.NewMemory()
	small, err := s.Put(blob.Raw, []byte("small"))
	require.NoError(t, err)
	root, err := object.Save(s, []blob.ID{small})
	require.NoError(t, err)
	b := export(t, s, root)
	whole := 0
	for n := range b {
		_, _, err := car.Import(blob.NewMemory(), bytes.NewReader(b[:n]))
		if err == nil {
			whole++
			continue
		}
		require.ErrorIs(t, err, car.ErrMalformed, "cut at %d", n)
	}
	require.Equal(t, 2, whole) // after the header, after one of two blocks
	tally.Add(t, "badinputs", len(b))
}

func TestACARWithAnyBitChangedNeverMakesAnotherBlob(t *testing.T) {
	s := blob.NewMemory()
	small, err := s.Put(blob.Raw, []byte("small"))
	require.NoError(t, err)
	root, err := object.Save(s, []blob.ID{small})
	require.NoError(t, err)
	b := export(t, s, root)
	for i := range b {
		for bit := range 8 {
			bad := slices.Clone(b)
			bad[i] ^= 1 << bit
			to := blob.NewMemory()
			roots, _, err := car.Import(to, bytes.NewReader(bad))
			if err == nil { // another root is another true statement
				require.NotEqual(t, []blob.ID{root}, roots, "byte %d", i)
			}
			for _, info := range list(t, to) {
				require.Contains(t, list(t, s), info)
			}
		}
	}
	tally.Add(t, "badinputs", 8*len(b))
}

// section frames bytes as a CAR does.
func section(parts ...[]byte) []byte {
	b := bytes.Join(parts, nil)
	return append(binary.AppendUvarint(nil, uint64(len(b))), b...)
}

func encode(t testing.TB, v any) []byte {
	b, err := object.Encode(v)
	require.NoError(t, err)
	return b
}

func TestGarbageIsRefusedWithItsPosition(t *testing.T) {
	type fields = map[string]any
	good := section(encode(t, fields{"roots": []blob.ID{}, "version": 1}))
	id, object := blob.Sum(blob.Raw, []byte("x")), blob.Sum(blob.DAGCBOR, []byte("x"))
	other := id
	other[1] = 0x70
	v0 := append([]byte{0x12, 0x20}, make([]byte, 34)...)
	cases := map[string]struct {
		car   []byte
		at    int
		wants string
	}{
		"nothing":             {nil, 0, "empty"},
		"text":                {[]byte("<html>, no CAR at all, but long enough to have a length"), 0, "within a section"},
		"version 2":           {section(encode(t, fields{"roots": []blob.ID{}, "version": 2})), 0, "version 2"},
		"pragma of a CAR 2":   {section(encode(t, fields{"version": 2})), 0, "header"},
		"roots that are text": {section(encode(t, fields{"roots": "x", "version": 1})), 0, "header"},
		"null roots":          {section(encode(t, fields{"roots": nil, "version": 1})), 0, "header"},
		"an unknown field":    {section(encode(t, fields{"roots": []blob.ID{}, "version": 1, "x": 1})), 0, "header"},
		"an empty header":     {[]byte{0}, 0, "section of 0"},
		"a huge header":       {binary.AppendUvarint(nil, 1<<20), 0, "section of 1048576"},
		"a length of 2^63":    {binary.AppendUvarint(nil, 1<<63), 0, "more than 4 bytes"},
		"a long zero":         {[]byte{0x80, 0x00}, 0, "zero at its end"},
		"a huge block":        {append(slices.Clone(good), binary.AppendUvarint(nil, 5<<20)...), len(good), "section of 5242880"},
		"an empty block":      {append(slices.Clone(good), 0), len(good), "section of 0"},
		"a long length":       {append(slices.Clone(good), 0xa5, 0x80, 0x00), len(good), "zero at its end"},
		"half an ID":          {append(slices.Clone(good), section(id[:20])...), len(good), "section of 20"},
		"another codec":       {append(slices.Clone(good), section(other[:], []byte("x"))...), len(good), "codec"},
		"CID of version 0":    {append(slices.Clone(good), section(v0)...), len(good), "CID version 18"},
		"other bytes":         {append(slices.Clone(good), section(id[:], []byte("y"))...), len(good), "damaged"},
		"an object that is none": {
			slices.Concat(good, section(id[:], []byte("x")), section(object[:], []byte("x"))), len(good) + 38, "canonical",
		},
	}
	for name, c := range cases {
		to := blob.NewMemory()
		_, _, err := car.Import(to, bytes.NewReader(c.car))
		require.ErrorIs(t, err, car.ErrMalformed, name)
		require.ErrorContains(t, err, c.wants, name)
		require.ErrorContains(t, err, fmt.Sprintf("at byte %d:", c.at), name)
		require.LessOrEqual(t, len(list(t, to)), 1, name)
	}
	tally.Add(t, "badinputs", len(cases))
}

func TestAReaderThatHasFailedFailsForGood(t *testing.T) {
	b := section(encode(t, map[string]any{"roots": []blob.ID{}, "version": 1}))
	r, err := car.NewReader(bytes.NewReader(append(b, 0xff, 0xff, 0xff, 0xff, 0xff)))
	require.NoError(t, err)
	for range 2 {
		_, err = r.Next()
		require.ErrorIs(t, err, car.ErrMalformed)
	}
}

var errDisk = errors.New("disk is on fire")

func TestErrorsOfAReaderOrAStoreKeepTheirIdentity(t *testing.T) {
	s := blob.NewMemory()
	root := tree(t, s)
	b := export(t, s, root)
	for n := 0; n < len(b); n += 1 + len(b)/50 {
		_, _, err := car.Import(blob.NewMemory(), io.MultiReader(bytes.NewReader(b[:n]), iotest.ErrReader(errDisk)))
		require.ErrorIs(t, err, errDisk, "after %d bytes", n)
		require.NotErrorIs(t, err, car.ErrMalformed)
	}
	require.NoError(t, s.Close())
	_, _, err := car.Import(s, bytes.NewReader(b))
	require.ErrorIs(t, err, blob.ErrClosed)
}

// failing is a writer that takes a number of bytes.
type failing struct{ left int }

func (f *failing) Write(b []byte) (int, error) {
	if f.left -= len(b); f.left < 0 {
		return 0, errDisk
	}
	return len(b), nil
}

func TestAnExportThatFailsSaysSo(t *testing.T) {
	s := blob.NewMemory()
	root := tree(t, s)
	b := export(t, s, root)
	for n := 0; n < len(b); n += 1 + len(b)/50 {
		_, err := car.Export(&failing{n}, s, []blob.ID{root}, history.Mark(s, root))
		require.ErrorIs(t, err, errDisk, "after %d bytes", n)
	}
	missing := blob.Sum(blob.Raw, []byte("missing"))
	one := iter.Seq2[blob.ID, error](func(yield func(blob.ID, error) bool) { yield(missing, nil) })
	_, err := car.Export(io.Discard, s, nil, one)
	require.ErrorIs(t, err, blob.ErrNotFound)
	_, err = car.Export(io.Discard, s, nil, history.Mark(s, blob.Sum(blob.DAGCBOR, nil)))
	require.ErrorIs(t, err, blob.ErrNotFound)
}

func TestAWriterRefusesWhatAReaderWould(t *testing.T) {
	var b bytes.Buffer
	w, err := car.NewWriter(&b, nil)
	require.NoError(t, err)
	before := b.Len()
	id := blob.Sum(blob.Raw, []byte("x"))
	require.ErrorIs(t, w.Put(car.Block{ID: id, Data: []byte("y")}), blob.ErrCorrupt)
	require.ErrorIs(t, w.Put(car.Block{ID: blob.ID{}, Data: nil}), blob.ErrBadID)
	require.ErrorIs(t, w.Put(car.Block{ID: blob.Sum(blob.DAGCBOR, []byte("x")), Data: []byte("x")}), object.ErrInvalid)
	large := make([]byte, blob.MaxSize+1)
	require.ErrorIs(t, w.Put(car.Block{ID: blob.Sum(blob.Raw, large), Data: large}), blob.ErrTooLarge)
	require.Equal(t, before, b.Len())
}

func TestAWriterThatHasFailedFailsForGood(t *testing.T) {
	out := &failing{left: 1 << 10}
	w, err := car.NewWriter(out, nil)
	require.NoError(t, err)
	data := make([]byte, 2<<10)
	require.ErrorIs(t, w.Put(car.Block{ID: blob.Sum(blob.Raw, data), Data: data}), errDisk)
	out.left = 1 << 20
	require.ErrorIs(t, w.Put(car.Block{ID: blob.Sum(blob.Raw, nil)}), errDisk)
}

// Whatever a Reader takes, a Writer writes as the same bytes: a CAR has one form.
func FuzzACARThatIsTakenIsWrittenAsItWas(f *testing.F) {
	s := blob.NewMemory()
	small, err := s.Put(blob.Raw, []byte("small"))
	require.NoError(f, err)
	root, err := object.Save(s, []blob.ID{small})
	require.NoError(f, err)
	f.Add(export(f, s, root))
	f.Add(export(f, s, small))
	f.Add([]byte{0x80, 0x00})
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := car.NewReader(bytes.NewReader(b))
		if err != nil {
			require.ErrorIs(t, err, car.ErrMalformed)
			return
		}
		var again bytes.Buffer
		w, err := car.NewWriter(&again, r.Roots())
		require.NoError(t, err)
		for {
			block, err := r.Next()
			if err == io.EOF {
				require.True(t, bytes.Equal(b, again.Bytes()))
				return
			}
			if err != nil {
				require.ErrorIs(t, err, car.ErrMalformed)
				require.True(t, bytes.HasPrefix(b, again.Bytes()))
				return
			}
			require.NoError(t, w.Put(block))
		}
	})
}
