package object_test

import (
	"bytes"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"

	oracle "github.com/fxamacker/cbor/v2"
	"github.com/stretchr/testify/require"

	"dss.example/common/blob"
	"dss.example/common/cbor"
	"dss.example/common/house/tally"
	"dss.example/p2-persist/object"
)

var mutations = flag.Int("mutations", 50_000, "how many mutated objects to try")

// judge says in another way what the profile is: what decodes into Go values, of the
// kinds that the profile has, and encodes again to the same bytes.
type judge struct {
	dec oracle.DecMode
	enc oracle.EncMode
}

func newJudge(t testing.TB) judge {
	t.Helper()
	dec, err := oracle.DecOptions{
		DupMapKey:       oracle.DupMapKeyEnforcedAPF,
		DefaultMapType:  reflect.TypeFor[map[string]any](),
		TimeTag:         oracle.DecTagIgnored,
		MaxNestedLevels: 64,
	}.DecMode()
	require.NoError(t, err)
	enc, err := oracle.EncOptions{Sort: oracle.SortLengthFirst}.EncMode()
	require.NoError(t, err)
	return judge{dec, enc}
}

func (j judge) accepts(b []byte) bool {
	var v any
	if j.dec.Unmarshal(b, &v) != nil || !inProfile(v) {
		return false
	}
	again, err := j.enc.Marshal(v)
	return err == nil && bytes.Equal(b, again)
}

func inProfile(v any) bool {
	switch v := v.(type) {
	case nil, bool, uint64, int64, string, []byte:
		return true
	case float64:
		return !math.IsNaN(v) && !math.IsInf(v, 0)
	case []any:
		for _, item := range v {
			if !inProfile(item) {
				return false
			}
		}
		return true
	case map[string]any:
		for _, item := range v {
			if !inProfile(item) {
				return false
			}
		}
		return true
	case oracle.Tag:
		content, ok := v.Content.([]byte)
		if !ok || v.Number != 42 || len(content) != 37 || content[0] != 0 {
			return false
		}
		_, err := blob.ParseBytes(content[1:])
		return err == nil
	}
	return false // simple values, times, integers of more than 64 bits
}

// agree holds Check against the judge and, for what is an object, all other ways to look
// at it against each other.
func agree(t testing.TB, j judge, b []byte) (accepted bool) {
	err := object.Check(b)
	if err == nil {
		lookAt(t, b)
	} else {
		require.ErrorIs(t, err, object.ErrInvalid)
		if why := err.Error(); strings.Contains(why, "nested too deeply") || strings.Contains(why, "too many items") {
			return false // the judge has other limits
		}
	}
	if j.accepts(b) != (err == nil) { // require is slow for what is done a million times
		require.Fail(t, "the judge disagrees", "%x: %v", b, err)
	}
	return err == nil
}

// lookAt demands that all ways to read an object read the same.
func lookAt(t testing.TB, b []byte) {
	if why := misread(b); why != "" {
		require.Fail(t, why, "%x", b)
	}
}

// misread tells what is wrong with the reading of an object, or "".
func misread(b []byte) string {
	var v any
	if err := object.Decode(b, &v); err != nil {
		return err.Error()
	}
	again, err := object.Encode(v)
	if err != nil || !bytes.Equal(b, again) {
		return fmt.Sprintf("encoded again it is %x: %v", again, err)
	}
	text, err := object.Diagnose(b)
	if err != nil {
		return err.Error()
	}
	lines := 1
	for id, err := range object.Links(b) {
		if err != nil || !strings.Contains(text, id.String()) {
			return fmt.Sprintf("link %v is not in %s: %v", id, text, err)
		}
		lines++
	}
	if strings.Count(object.Dump(b), "\n") < lines {
		return "a link has no line of its own"
	}
	return ""
}

func FuzzCheckAgreesWithDecodingAndEncodingAgain(f *testing.F) {
	for _, e := range allowed {
		f.Add(unhex(f, e.hex))
	}
	for _, e := range forbidden {
		f.Add(unhex(f, e.hex))
	}
	f.Add(blob.AppendLink(nil, leaf))
	f.Add(encode(f, large().Parts[:2]))
	j := newJudge(f)
	f.Fuzz(func(t *testing.T, b []byte) { agree(t, j, b) })
}

// FuzzDecodeIntoATypeLosesNothing reads anything into types that programs have.
func FuzzDecodeIntoATypeLosesNothing(f *testing.F) {
	f.Add(encode(f, file{V: 1, Name: "a", Parts: []part{{4, leaf}}}))
	f.Add(encode(f, everything{Link: leaf}))
	f.Add(encode(f, map[string]any{"v": 1, "name": "Ann", "x": leaf}))
	f.Add(encode(f, map[string]any{"v": 1, "name": "Ann", "age": 0}))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, v := range []any{new(file), new(everything), new(keeper), new([]keeper), new(map[string]int)} {
			if err := object.Decode(b, v); err == nil {
				require.Equal(t, b, encode(t, v), "%T", v)
			}
		}
		_ = object.Dump(b)
	})
}

func TestMutatedObjectsAreJudgedAsByDecodingAndEncodingAgain(t *testing.T) {
	const seed = 1
	rnd := rand.New(rand.NewPCG(seed, 0))
	j := newJudge(t)
	accepted := 0
	m := startMemory()
	for i := range *mutations {
		b := randomItem(rnd, nil, 4)
		for n := rnd.IntN(4); n > 0 && len(b) > 0; n-- {
			b = mutate(rnd, b)
		}
		if agree(t, j, b) {
			accepted++
		}
		if i%1000 == 0 {
			require.Less(t, m.grown(), uint64(64<<20), "bytes of memory more, after %d objects", i)
		}
	}
	tally.Add(t, "badinputs", *mutations)
	t.Logf("object: %d mutated objects from seed %d, %d of them still objects, all judged alike", *mutations, seed, accepted)
	require.Greater(t, accepted, *mutations/4)
	require.Greater(t, *mutations-accepted, *mutations/4)
	require.Less(t, m.allocated()/uint64(*mutations), uint64(64<<10), "bytes for one")
}

// memory measures what the process takes from the system, from a start with nothing to
// spare: what is freed meanwhile is given back too slowly to hide a peak.
type memory struct{ held, total uint64 }

func startMemory() memory {
	debug.FreeOSMemory()
	return readMemory()
}

func readMemory() memory {
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	return memory{s.HeapSys - s.HeapReleased, s.TotalAlloc}
}

// grown returns how many bytes the process holds more than at the start.
func (m memory) grown() uint64 { return max(readMemory().held, m.held) - m.held }

// allocated returns how many bytes have been allocated since the start.
func (m memory) allocated() uint64 { return readMemory().total - m.total }

// randomItem appends an item of the profile, except that the keys of its maps may come in
// any order.
func randomItem(rnd *rand.Rand, b []byte, depth int) []byte {
	number := rnd.Uint64() >> rnd.IntN(64)
	kinds := 10
	if depth == 0 {
		kinds = 8
	}
	switch rnd.IntN(kinds) {
	case 0:
		return cbor.AppendUint(b, number)
	case 1:
		return cbor.AppendInt(b, int64(number))
	case 2:
		return cbor.AppendBytes(b, make([]byte, number%40))
	case 3:
		return cbor.AppendText(b, "grüße, 水"[:number%3])
	case 4:
		return cbor.AppendBool(b, number%2 == 0)
	case 5:
		return cbor.AppendNull(b)
	case 6:
		return cbor.AppendFloat(b, float64(int64(number))/16)
	case 7:
		return blob.AppendLink(b, []blob.ID{leaf, node}[number%2])
	case 8:
		n := rnd.IntN(5)
		b = cbor.AppendArray(b, n)
		for range n {
			b = randomItem(rnd, b, depth-1)
		}
		return b
	}
	n := rnd.IntN(4)
	b = cbor.AppendMap(b, n)
	for i := range n {
		b = cbor.AppendText(b, strings.Repeat("k", i*(1+rnd.IntN(20))))
		b = randomItem(rnd, b, depth-1)
	}
	return b
}

func mutate(rnd *rand.Rand, b []byte) []byte {
	switch i := rnd.IntN(len(b)); rnd.IntN(4) {
	case 0:
		b[i] ^= 1 << rnd.IntN(8)
	case 1:
		b[i] = byte(rnd.Uint32())
	case 2:
		b = b[:i]
	case 3:
		b = append(b[:i], b[min(i+1, len(b)):]...)
	}
	return b
}
