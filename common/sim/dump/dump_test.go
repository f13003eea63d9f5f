package dump_test

import (
	"math"
	"strings"
	"testing"

	"dss.example/common/sim/dump"
	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
)

type vote struct {
	Ballot uint64
	Value  string
}

type acceptor struct {
	promised uint64
	accepted *vote
	peers    []uint64
	seen     map[uint64]vote
	data     []byte
	any      any
}

func TestADumpShowsUnexportedFieldsAndTellsNilFromEmpty(t *testing.T) {
	for _, c := range []struct {
		v    any
		want string
	}{
		{nil, `nil`},
		{42, `42`},
		{"a\nb", `"a\nb"`},
		{[]byte("a\x00"), `b"a\x00"`},
		{[]byte(nil), `nil`},
		{[]byte{}, `b""`},
		{[]int(nil), `nil`},
		{[]int{}, `[]`},
		{map[int]int(nil), `nil`},
		{map[int]int{}, `map[]`},
		{[2]bool{true}, `[true false]`},
		{1.0, `1.0`},
		{math.Copysign(0, -1), `-0.0`},
		{math.NaN(), `NaN`},
		{1e300, `1e+300`},
		{complex(1, -0.5), `(1.0 -0.5)`},
		{func() {}, `<func()>`},
		{(func())(nil), `nil`},
		{make(chan int), `<chan int>`},
		{vote{1, "x"}, `vote{Ballot:1 Value:"x"}`},
		{acceptor{}, `acceptor{promised:0 accepted:nil peers:nil seen:nil data:nil any:nil}`},
		{
			&acceptor{3, &vote{1, "x"}, []uint64{1, 2}, map[uint64]vote{9: {}, 10: {2, ""}}, []byte{}, vote{}},
			`&{promised:3 accepted:&{Ballot:1 Value:"x"} peers:[1 2] seen:map[9:{Ballot:0 Value:""} 10:{Ballot:2 Value:""}] data:b"" any:dump_test.vote{Ballot:0 Value:""}}`,
		},
	} {
		require.Equal(t, c.want, dump.String(c.v))
	}
}

func TestTwoTypesInAnInterfaceAreToldApart(t *testing.T) {
	require.NotEqual(t, dump.String([]any{int32(1)}), dump.String([]any{int64(1)}))
	require.NotEqual(t, dump.String([]any{vote{}}), dump.String([]any{struct{ Ballot, Value int }{}}))
}

func TestMapsPrintInOneOrderWhateverTheirKeys(t *testing.T) {
	build := func(keys ...any) map[any]int {
		m := make(map[any]int)
		for _, k := range keys {
			m[k] = 1
		}
		return m
	}
	want := dump.String(build(3, -2, "x", vote{1, "b"}, vote{1, "a"}, true, 1.5))
	for range 50 {
		require.Equal(t, want, dump.String(build(1.5, true, vote{1, "a"}, vote{1, "b"}, "x", -2, 3)))
	}
	nan := func() map[float64]int { return map[float64]int{math.NaN(): 2, math.NaN(): 1, math.NaN(): 3} }
	require.Equal(t, `map[NaN:1 NaN:2 NaN:3]`, dump.String(nan()))
	require.Equal(t, `map[-10:0 -9:0 2:0]`, dump.String(map[int]int{2: 0, -9: 0, -10: 0}))
}

type node struct {
	name string
	next *node
}

func TestSharingAndCyclesAreVisibleAndFinite(t *testing.T) {
	shared := &vote{1, "x"}
	same := []*vote{shared, shared}
	equal := []*vote{{1, "x"}, {1, "x"}}
	require.Equal(t, `[&{Ballot:1 Value:"x"} &@0]`, dump.String(same))
	require.NotEqual(t, dump.String(same), dump.String(equal))

	ring := &node{name: "a"}
	ring.next = &node{"b", ring}
	require.Equal(t, `&{name:"a" next:&{name:"b" next:&@0}}`, dump.String(ring))
	require.NotEmpty(t, dump.Lines(ring))

	self := map[string]any{}
	self["me"] = self
	require.Equal(t, `map["me":(map[string]interface {})map@0]`, dump.String(self))
	loop := make([]any, 1)
	loop[0] = loop
	require.Equal(t, `[([]interface {})[@cycle]]`, dump.String(loop))

	inner := struct {
		first *vote
		of    *string
	}{first: shared, of: &shared.Value}
	require.Equal(t, `{first:&{Ballot:1 Value:"x"} of:&"x"}`, dump.String(inner))
	empty := []*struct{}{{}, {}}
	require.Equal(t, `[&{} &{}]`, dump.String(empty))
}

func TestAPrinterIsReusable(t *testing.T) {
	var p dump.Printer
	a := &acceptor{accepted: &vote{}}
	require.Equal(t, dump.String(a), string(p.Append(nil, a)))
	require.Equal(t, dump.String(a), string(p.Append(nil, a)))
}

func TestChangeNamesTheFieldsThatDiffer(t *testing.T) {
	old := &acceptor{promised: 1, peers: []uint64{1}, seen: map[uint64]vote{1: {1, "a"}, 2: {1, "b"}}}
	new := &acceptor{promised: 2, peers: []uint64{1}, seen: map[uint64]vote{1: {1, "a"}, 3: {1, "c: d"}}, accepted: &vote{2, "v"}}
	want := []string{
		`- promised: 1`,
		`+ promised: 2`,
		`- accepted: nil`,
		`+ accepted: {Ballot:2 Value:"v"}`,
		`- seen[2]: {Ballot:1 Value:"b"}`,
		`+ seen[3]: {Ballot:1 Value:"c: d"}`,
	}
	require.Empty(t, cmp.Diff(want, dump.Change(dump.Lines(old), dump.Lines(new))))
	require.Nil(t, dump.Change(dump.Lines(old), dump.Lines(old)))
	require.Empty(t, cmp.Diff([]string{"- 1", "+ 2"}, dump.Change(dump.Lines(1), dump.Lines(2))))
	require.Empty(t, cmp.Diff([]string{"+ 2"}, dump.Change("", dump.Lines(2))))
}

func TestAColonInAKeyEndsNoPath(t *testing.T) {
	old := map[string]int{`a": 1`: 1, `a: 1`: 1, `a: 2`: 1}
	new := map[string]int{`a": 1`: 1, `a: 1`: 1, `a: 2`: 2}
	require.Empty(t, cmp.Diff([]string{`- ["a: 2"]: 1`, `+ ["a: 2"]: 2`}, dump.Change(dump.Lines(old), dump.Lines(new))))
}

func TestLinesPrintsOneFieldALine(t *testing.T) {
	type deep struct {
		Self acceptor
		All  []*acceptor
	}
	v := deep{All: []*acceptor{{promised: 7}}}
	want := strings.Split(`Self.promised: 0
Self.accepted: nil
Self.peers: nil
Self.seen: nil
Self.data: nil
Self.any: nil
All[0].promised: 7
All[0].accepted: nil
All[0].peers: nil
All[0].seen: nil
All[0].data: nil
All[0].any: nil`, "\n")
	require.Empty(t, cmp.Diff(want, strings.Split(dump.Lines(v), "\n")))
	require.Empty(t, dump.Lines(nil))
}

func BenchmarkSmallAcceptor(b *testing.B) {
	a := &acceptor{3, &vote{1, "x"}, []uint64{1, 2, 3}, map[uint64]vote{9: {}, 10: {2, ""}}, nil, nil}
	var p dump.Printer
	var buf []byte
	b.ReportAllocs()
	for b.Loop() {
		buf = p.Append(buf[:0], a)
	}
}
