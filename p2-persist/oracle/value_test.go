package oracle_test

import (
	"bytes"
	"flag"
	"math"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/ipfs/go-cid"
	"github.com/ipld/go-ipld-prime/codec"
	"github.com/ipld/go-ipld-prime/codec/dagcbor"
	"github.com/ipld/go-ipld-prime/datamodel"
	cidlink "github.com/ipld/go-ipld-prime/linking/cid"
	"github.com/ipld/go-ipld-prime/node/basicnode"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"dss.example/common/blob"
)

// TestMain fixes the seed of every property, unless the command line has one.
func TestMain(m *testing.M) {
	flag.Parse()
	for name, fixed := range map[string]string{"rapid.seed": "2026", "rapid.nofailfile": "true"} {
		if f := flag.Lookup(name); f.Value.String() == f.DefValue {
			if err := f.Value.Set(fixed); err != nil {
				panic(err)
			}
		}
	}
	os.Exit(m.Run())
}

// genValue draws a value of the data model: nil, bool, int64, a uint64 where that is too
// narrow, float64, string, []byte, blob.ID, []any and map[string]any, these two so deep
// in each other at most.
func genValue(levels int) *rapid.Generator[any] {
	leaves := []*rapid.Generator[any]{
		rapid.Just[any](nil), rapid.Bool().AsAny(), genInt(), rapid.Uint64Min(math.MaxInt64 + 1).AsAny(), genFloat(),
		genText().AsAny(), genBytes().AsAny(), genID().AsAny(),
	}
	if levels == 0 {
		return rapid.OneOf(leaves...)
	}
	inner := rapid.Deferred(func() *rapid.Generator[any] { return genValue(levels - 1) })
	return rapid.OneOf(append(leaves,
		rapid.SliceOfN(inner, 0, 5).AsAny(), rapid.SliceOfN(genInt(), 20, 30).AsAny(),
		rapid.MapOfN(genText(), inner, 0, 5).AsAny(), rapid.MapOfN(genText(), genInt(), 20, 30).AsAny(),
	)...)
}

// genInt draws an int64, half of them around the bounds where the head of an integer
// grows.
func genInt() *rapid.Generator[any] {
	return rapid.Custom(func(t *rapid.T) any {
		if rapid.Bool().Draw(t, "anywhere") {
			return rapid.Int64().Draw(t, "int")
		}
		bound := rapid.SampledFrom([]int64{0, 23, 24, 255, 256, 1<<16 - 1, 1 << 16, 1<<32 - 1, 1 << 32, math.MaxInt64}).Draw(t, "bound")
		return rapid.SampledFrom([]int64{bound, -1 - bound}).Draw(t, "sign")
	})
}

func genFloat() *rapid.Generator[any] {
	return rapid.OneOf(
		rapid.SampledFrom([]float64{0, math.Copysign(0, -1), 1, 1.5, 65504, math.MaxFloat64, math.SmallestNonzeroFloat64}),
		rapid.Float64().Filter(func(v float64) bool { return !math.IsInf(v, 0) && !math.IsNaN(v) }),
	).AsAny()
}

// genText draws texts whose lengths lie on both sides of where a head grows: keys are
// sorted by length first, as what they are encoded to is.
func genText() *rapid.Generator[string] {
	long := rapid.SampledFrom([]int{22, 23, 24, 25, 255, 256})
	return rapid.OneOf(rapid.String(), rapid.StringN(0, 2, -1), rapid.Custom(func(t *rapid.T) string {
		end := rapid.StringN(0, 2, -1).Draw(t, "end")
		n := long.Draw(t, "length") - len(end)
		return string(bytes.Repeat([]byte{'k'}, n)) + end
	}))
}

func genBytes() *rapid.Generator[[]byte] { return rapid.SliceOfN(rapid.Byte(), 0, 40) }

func genID() *rapid.Generator[blob.ID] {
	return rapid.Custom(func(t *rapid.T) blob.ID {
		return blob.Sum(rapid.SampledFrom([]blob.Codec{blob.Raw, blob.DAGCBOR}).Draw(t, "codec"), genBytes().Draw(t, "content"))
	})
}

// cidOf is id as go-cid reads its bytes.
func cidOf(t require.TestingT, id blob.ID) cid.Cid {
	c, err := cid.Cast(id[:])
	require.NoError(t, err)
	return c
}

// assemble gives a value to go-ipld-prime, without a byte of CBOR between.
func assemble(t require.TestingT, na datamodel.NodeAssembler, v any) {
	var err error
	switch v := v.(type) {
	case nil:
		err = na.AssignNull()
	case bool:
		err = na.AssignBool(v)
	case int64:
		err = na.AssignInt(v)
	case uint64:
		err = na.AssignNode(basicnode.NewUint(v))
	case float64:
		err = na.AssignFloat(v)
	case string:
		err = na.AssignString(v)
	case []byte:
		err = na.AssignBytes(v)
	case blob.ID:
		err = na.AssignLink(cidlink.Link{Cid: cidOf(t, v)})
	case []any:
		err = assembleList(t, na, v)
	case map[string]any:
		err = assembleMap(t, na, v)
	}
	require.NoError(t, err)
}

func assembleList(t require.TestingT, na datamodel.NodeAssembler, v []any) error {
	list, err := na.BeginList(int64(len(v)))
	if err != nil {
		return err
	}
	for _, x := range v {
		assemble(t, list.AssembleValue(), x)
	}
	return list.Finish()
}

func assembleMap(t require.TestingT, na datamodel.NodeAssembler, v map[string]any) error {
	m, err := na.BeginMap(int64(len(v)))
	if err != nil {
		return err
	}
	for key, x := range v {
		entry, err := m.AssembleEntry(key)
		if err != nil {
			return err
		}
		assemble(t, entry, x)
	}
	return m.Finish()
}

func nodeOf(t require.TestingT, v any) datamodel.Node {
	nb := basicnode.Prototype.Any.NewBuilder()
	assemble(t, nb, v)
	return nb.Build()
}

// encodeTheirs is what go-ipld-prime writes.
func encodeTheirs(n datamodel.Node) ([]byte, error) {
	var b bytes.Buffer
	err := dagcbor.EncodeOptions{AllowLinks: true, MapSortMode: codec.MapSortMode_RFC7049}.Encode(n, &b)
	return b.Bytes(), err
}

// decodeTheirs is what go-ipld-prime reads when it is as strict as it can be.
func decodeTheirs(b []byte) (datamodel.Node, error) {
	nb := basicnode.Prototype.Any.NewBuilder()
	if err := (dagcbor.DecodeOptions{AllowLinks: true}).Decode(nb, bytes.NewReader(b)); err != nil {
		return nil, err
	}
	return nb.Build(), nil
}

// valueOf is the inverse of nodeOf.
func valueOf(t require.TestingT, n datamodel.Node) (v any) {
	var err error
	switch n.Kind() {
	case datamodel.Kind_Null:
	case datamodel.Kind_Bool:
		v, err = n.AsBool()
	case datamodel.Kind_Int:
		v, err = n.AsInt()
		if wide, ok := n.(datamodel.UintNode); ok {
			v, err = wide.AsUint()
		}
	case datamodel.Kind_Float:
		v, err = n.AsFloat()
	case datamodel.Kind_String:
		v, err = n.AsString()
	case datamodel.Kind_Bytes:
		v, err = n.AsBytes()
	case datamodel.Kind_Link:
		var l datamodel.Link
		if l, err = n.AsLink(); err == nil {
			v, err = blob.ParseBytes(l.(cidlink.Link).Cid.Bytes())
		}
	case datamodel.Kind_List:
		list := []any{}
		for it := n.ListIterator(); !it.Done(); {
			_, x, err := it.Next()
			require.NoError(t, err)
			list = append(list, valueOf(t, x))
		}
		v = list
	case datamodel.Kind_Map:
		v = mapOf(t, n)
	}
	require.NoError(t, err)
	return v
}

func mapOf(t require.TestingT, n datamodel.Node) map[string]any {
	m := map[string]any{}
	for it := n.MapIterator(); !it.Done(); {
		k, x, err := it.Next()
		require.NoError(t, err)
		key, err := k.AsString()
		require.NoError(t, err)
		m[key] = valueOf(t, x)
	}
	return m
}

// equalValues compares values; a float is equal to one with the same bits.
func equalValues(a, b any) string {
	return cmp.Diff(a, b, cmp.Comparer(func(a, b float64) bool {
		return math.Float64bits(a) == math.Float64bits(b)
	}))
}
