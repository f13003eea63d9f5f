package cbor_test

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"testing"

	oracle "github.com/fxamacker/cbor/v2"
	"github.com/stretchr/testify/require"

	"dss.example/common/cbor"
	"dss.example/common/house/tally"
)

// judge says by another implementation what the subset is: what decodes under the
// strictest options and encodes again to the same bytes.
type judge struct {
	dec oracle.DecMode
	enc oracle.EncMode
}

func newJudge(t testing.TB) judge {
	t.Helper()
	var rejected []func(*oracle.SimpleValueRegistry) error
	for n := range 256 {
		if n < 20 || n == 23 || n > 31 {
			rejected = append(rejected, oracle.WithRejectedSimpleValue(oracle.SimpleValue(n)))
		}
	}
	simple, err := oracle.NewSimpleValueRegistryFromDefaults(rejected...)
	require.NoError(t, err)
	dec, err := oracle.DecOptions{
		DupMapKey:        oracle.DupMapKeyEnforcedAPF,
		IndefLength:      oracle.IndefLengthForbidden,
		TagsMd:           oracle.TagsForbidden,
		MaxNestedLevels:  cbor.DefaultDepth,
		MaxArrayElements: cbor.DefaultItems,
		MaxMapPairs:      cbor.DefaultItems,
		NaN:              oracle.NaNDecodeForbidden,
		Inf:              oracle.InfDecodeForbidden,
		SimpleValues:     simple,
	}.DecMode()
	require.NoError(t, err)
	wide := oracle.CoreDetEncOptions()
	wide.ShortestFloat = oracle.ShortestFloatNone
	wide.NaNConvert = oracle.NaNConvertNone
	wide.InfConvert = oracle.InfConvertNone
	enc, err := wide.EncMode()
	require.NoError(t, err)
	return judge{dec, enc}
}

func (j judge) accepts(b []byte) bool {
	var v any
	if j.dec.Unmarshal(b, &v) != nil {
		return false
	}
	again, err := j.enc.Marshal(v)
	return err == nil && bytes.Equal(b, again)
}

// oddKey reports a map key that the judge takes and Scan does not: bool, null,
// float.
func oddKey(err error) bool {
	return err != nil && bytes.Contains([]byte(err.Error()), []byte("map key is no integer or string"))
}

func FuzzScanAgreesWithFxamacker(f *testing.F) {
	for _, v := range vectors {
		f.Add(unhex(f, v.hex))
	}
	for _, all := range refused() {
		f.Add(all[0])
	}
	j := newJudge(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		err := cbor.Scan(b, cbor.Limits{})
		if oddKey(err) {
			return
		}
		require.Equal(t, j.accepts(b), err == nil, "%x: %v", b, err)
	})
}

func TestRandomItemsAreJudgedAsByFxamacker(t *testing.T) {
	const seed, rounds = 1, 20_000
	rnd := rand.New(rand.NewPCG(seed, 0))
	j := newJudge(t)
	accepted := 0
	for range rounds {
		b := randomItem(rnd, nil, 4)
		if rnd.IntN(2) == 0 {
			b = mutate(rnd, b)
		}
		err := cbor.Scan(b, cbor.Limits{})
		if oddKey(err) {
			continue
		}
		require.Equal(t, j.accepts(b), err == nil, "%x: %v", b, err)
		if err == nil {
			accepted++
		}
	}
	t.Logf("cbor: %d random items from seed %d, %d accepted, all as fxamacker judges", rounds, seed, accepted)
	tally.Add(t, "badinputs", rounds)
	require.Greater(t, accepted, rounds/4)
	require.Greater(t, rounds-accepted, rounds/4)
}

// randomItem appends an item of the subset. Map keys come in no particular order,
// so many maps are not canonical.
func randomItem(rnd *rand.Rand, b []byte, depth int) []byte {
	number := rnd.Uint64() >> rnd.IntN(64)
	kinds := 9
	if depth == 0 {
		kinds = 7
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
		n := rnd.IntN(5)
		b = cbor.AppendArray(b, n)
		for range n {
			b = randomItem(rnd, b, depth-1)
		}
		return b
	}
	n := rnd.IntN(3)
	b = cbor.AppendMap(b, n)
	for i := range n {
		b = cbor.AppendUint(b, uint64(i*rnd.IntN(300)))
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

// FuzzReader reads by a script: whatever it asks for, the Reader neither panics nor
// goes back, and what it says yes to is what Append writes.
func FuzzReader(f *testing.F) {
	for i, v := range vectors {
		f.Add(unhex(f, v.hex), []byte{byte(i), 1, 2, 3})
	}
	f.Fuzz(func(t *testing.T, b, script []byte) {
		r := cbor.NewReader(b)
		again := []byte{}
		for _, what := range script {
			before := r.Offset()
			again = readOne(&r, what, again)
			require.GreaterOrEqual(t, r.Offset(), before)
			if r.Err() != nil {
				require.ErrorIs(t, r.Err(), cbor.ErrMalformed)
				return
			}
			require.Equal(t, b[:r.Offset()], again, "step %d", what)
			require.Equal(t, len(b)-r.Offset(), len(r.Rest()))
		}
		if err := r.Close(); !errors.Is(err, cbor.ErrMalformed) {
			require.NoError(t, err)
			require.Equal(t, len(b), r.Offset())
		}
	})
}

// readOne reads one item of the kind that what names, and appends it to again.
func readOne(r *cbor.Reader, what byte, again []byte) []byte {
	switch what % 12 {
	case 0:
		return cbor.AppendUint(again, r.Uint())
	case 1:
		return cbor.AppendInt(again, r.Int())
	case 2:
		return cbor.AppendBytes(again, r.Bytes())
	case 3:
		return cbor.AppendBytes(again, r.CopyBytes())
	case 4:
		return cbor.AppendKey(again, r.Key())
	case 5:
		return cbor.AppendText(again, r.Text())
	case 6:
		return cbor.AppendArray(again, r.Array())
	case 7:
		return cbor.AppendMap(again, r.Map())
	case 8:
		return cbor.AppendTag(again, r.Tag())
	case 9:
		return cbor.AppendBool(again, r.Bool())
	case 10:
		if r.Null() {
			return cbor.AppendNull(again)
		}
		return again
	}
	return cbor.AppendFloat(again, r.Float())
}
