package kv_test

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"dss.example/common/cbor"
	"dss.example/common/kv"
)

// The bytes of one request of each kind. They are a promise to every other
// version of these programs: a change here breaks the wire.
var requestGolden = []struct {
	req kv.Request
	hex string
}{
	{kv.Request{}, "8800000000820000" + "40" + "00" + "f6"},
	{
		kv.Request{Session: 1, Seq: 2, Acked: 1, Level: kv.Linearizable, At: kv.Version{Hi: 3, Lo: 400}, Token: []byte("tk"), Wait: time.Second, Op: kv.Stat{Hash: true}},
		"88010201048203190190" + "42746b" + "1a3b9aca00" + "820f81f5",
	},
	{reqOf(kv.Get{Key: "k"}), reqHead + "820181416b"},
	{reqOf(kv.Put{Key: "k", Value: []byte("v"), Lease: 9}), reqHead + "820283416b417609"},
	{reqOf(kv.Delete{Key: "k"}), reqHead + "820381416b"},
	{reqOf(kv.Scan{From: "a", To: "b", Limit: 10, Descending: true}), reqHead + "82048641614162" + "0af5f4f4"},
	{reqOf(kv.Append{Key: "k", Value: []byte("v")}), reqHead + "820582416b4176"},
	{reqOf(kv.CAS{Key: "k", Old: kv.Version{Lo: 7}, Value: []byte("v")}), reqHead + "820684416b820007417600"},
	{
		reqOf(kv.Txn{
			If:   []kv.Compare{{Key: "k", Target: kv.TargetMod, Relation: kv.Equal, Version: kv.Version{Lo: 7}}},
			Then: []kv.Op{kv.Delete{Key: "k"}},
			Else: []kv.Op{nil},
		}),
		reqHead + "820783" + "8186416b02014082000700" + "81820381416b" + "81f6",
	},
	{reqOf(kv.Events{From: "a", After: kv.Version{Lo: 1}, Max: 5, Previous: true, Only: kv.EventPut}), reqHead + "82088641614082000105f501"},
	{reqOf(kv.Grant{TTL: -1}), reqHead + "82098120"},
	{reqOf(kv.KeepAlive{Lease: 9}), reqHead + "820a8109"},
	{reqOf(kv.Revoke{Lease: 9}), reqHead + "820b8109"},
	{reqOf(kv.Leases{}), reqHead + "820c8100"},
	{reqOf(kv.OpenSession{TTL: 1000}), reqHead + "820d811903e8"},
	{reqOf(kv.CloseSession{}), reqHead + "820e80"},
	{reqOf(kv.Stat{}), reqHead + "820f81f4"},
	{reqOf(kv.Expire{}), reqHead + "821080"},
	{reqOf(kv.Members{}), reqHead + "821180"},
	{reqOf(kv.Inspect{}), reqHead + "821280"},
	{reqOf(kv.Change{Add: 4, Remove: 1}), reqHead + "8213820401"},
	{reqOf(kv.Transfer{To: 2}), reqHead + "82148102"},
	{reqOf(kv.Guarded{If: "c", Then: []kv.Op{kv.Delete{Key: "k"}}, Else: "m"}), reqHead + "821583" + "4163" + "81820381416b" + "416d"},
	{reqOf(kv.Inquire{Write: kv.Version{Hi: 5, Lo: 6}}), reqHead + "821681820506"},
	{reqOf(kv.Conflicts{After: kv.Version{Hi: 5, Lo: 6}, Limit: 7}), reqHead + "82178282050607"},
	{reqOf(kv.Probe{}), reqHead + "82181880"},
}

const (
	reqHead  = "88000000008200004000"
	respHead = "8701608200004" + "0f460"
)

func reqOf(op kv.Op) kv.Request        { return kv.Request{Op: op} }
func respOf(res kv.Result) kv.Response { return kv.Response{Status: kv.OK, Result: res} }

var responseGolden = []struct {
	resp kv.Response
	hex  string
}{
	{kv.Response{}, "87006082000040f460f6"},
	{
		kv.Response{Status: kv.Unavailable, Detail: "no", Rev: kv.Version{Lo: 5}, Token: []byte("t"), Stable: true, Try: "a:1"},
		"8705626e6f8200054174f563613a31f6",
	},
	{respOf(item("k", "v", 7)), respHead + "8201" + itemHex},
	{respOf(kv.Items{List: []kv.Item{item("k", "v", 7)}, Count: 2, More: true}), respHead + "82028381" + itemHex + "02f5"},
	{respOf(kv.Length{Bytes: 1000}), respHead + "8203811903e8"},
	{
		respOf(kv.TxnResult{Succeeded: true, Outcomes: []kv.Outcome{{Status: kv.NotFound}, {Status: kv.OK, Result: kv.Length{Bytes: 1}}}}),
		respHead + "820482f582" + "8202f6" + "820182038101",
	},
	{
		respOf(kv.EventList{List: []kv.Event{{Kind: kv.EventPut, Item: item("k", "v", 7)}, {Kind: kv.EventDelete, Previous: &previous}}, Next: kv.Version{Lo: 8}}),
		respHead + "8205828283" + "01" + itemHex + "f6" + "83028640408200008200000000" + itemHex + "820008",
	},
	{respOf(kv.LeaseInfo{ID: 1, TTL: 2, Left: -1, Keys: []string{"k", ""}}), respHead + "820684010220" + "82416b40"},
	{respOf(kv.LeaseList{List: []kv.LeaseInfo{{ID: 1}}}), respHead + "820781818401000080"},
	{respOf(kv.SessionInfo{ID: 1, TTL: 2}), respHead + "8208820102"},
	{respOf(kv.Stats{Keys: 1, Bytes: 2, Sessions: 3, Leases: 4, Oldest: kv.Version{Lo: 5}, Hash: []byte("h")}), respHead + "820986010203048200054168"},
	{
		respOf(kv.Group{
			Version: 1, From: 2, Commit: 3, Quorum1: 4, Quorum2: 5, Asked: 6, Leader: 7,
			Members: []kv.Member{{ID: 8, Addr: "a:1", Role: kv.Leader}}, Guests: []kv.Guest{{ID: 9, Addr: "b", Commit: 10, Ready: true}},
		}),
		respHead + "820a89" + "01020304050607" + "81830863613a3103" + "81840961620af5",
	},
	{
		respOf(kv.Replica{
			ID: 1, Role: kv.Joining, Leader: 2, Ballot: kv.Ballot{Round: 3, Replica: 4}, Version: 5, Commit: 6, First: 7, Snapshot: 8, Waiting: "w",
		}),
		respHead + "820b89" + "010502" + "820304" + "05060708" + "6177",
	},
	{respOf(kv.GuardedResult{Fate: kv.Merged}), respHead + "820c8102"},
	{respOf(kv.Standing{Known: true, Commit: 9}), respHead + "820d83f5f409"},
	{
		respOf(kv.ConflictList{More: true, List: []kv.Conflicted{{
			Write: kv.Version{Hi: 5, Lo: 6}, Server: "s", Text: "t", Stable: true,
			Then: []kv.Op{kv.Put{Key: "k", Value: []byte("v")}, kv.Delete{Key: "k"}},
		}}}),
		respHead + "820e8281" + "85820506" + "61734174" + "82820283416b417600820381416b" + "f5" + "f5",
	},
	{
		respOf(kv.Distances{Asked: 1, Zone: "z", List: []kv.Distance{{ID: 2, Addr: "a", Zone: "b", Up: true, RTT: 3, Chosen: true}}}),
		respHead + "820f8301617a81" + "860261616162f503f5",
	},
}

const itemHex = "86416b4176820007820007" + "0100"

var previous = item("k", "v", 7)

func item(key, value string, rev uint64) kv.Item {
	v := kv.Version{Lo: rev}
	return kv.Item{Key: key, Value: []byte(value), Mod: v, Create: v, Count: 1}
}

func TestEncodingIsPinned(t *testing.T) {
	for _, g := range requestGolden {
		require.Equal(t, g.hex, hex.EncodeToString(g.req.AppendTo(nil)), "%#v", g.req)
		require.Equal(t, "ab"+g.hex, hex.EncodeToString(g.req.AppendTo([]byte{0xab})))
		got, err := kv.DecodeRequest(unhex(t, g.hex))
		require.NoError(t, err)
		require.Empty(t, cmp.Diff(&g.req, got))
	}
	for _, g := range responseGolden {
		require.Equal(t, g.hex, hex.EncodeToString(g.resp.AppendTo(nil)), "%#v", g.resp)
		require.Equal(t, "ab"+g.hex, hex.EncodeToString(g.resp.AppendTo([]byte{0xab})))
		got, err := kv.DecodeResponse(unhex(t, g.hex))
		require.NoError(t, err)
		require.Empty(t, cmp.Diff(&g.resp, got))
	}
}

func TestRequestsDecodeAsTheyWere(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		req := drawRequest(t)
		b := req.AppendTo(nil)
		require.NoError(t, cbor.Scan(b, cbor.Limits{}))
		var got kv.Request
		require.NoError(t, got.DecodeFrom(b))
		require.Empty(t, cmp.Diff(req, got, sameValue))
		require.Equal(t, b, got.AppendTo(nil))
	})
}

func TestResponsesDecodeAsTheyWere(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		resp := drawResponse(t)
		b := resp.AppendTo(nil)
		require.NoError(t, cbor.Scan(b, cbor.Limits{}))
		var got kv.Response
		require.NoError(t, got.DecodeFrom(b))
		require.Empty(t, cmp.Diff(resp, got, sameValue))
		require.Equal(t, b, got.AppendTo(nil))
	})
}

// The lists that only the bytes bound: of the smallest items, of which there must
// still be enough bytes, and of different ones.
func TestLongListsDecodeAsTheyWere(t *testing.T) {
	for _, n := range []int{1, 63, 64, 65, 1000} {
		zeros := []kv.Response{
			respOf(kv.Items{List: make([]kv.Item, n)}),
			respOf(kv.EventList{List: make([]kv.Event, n)}),
			respOf(kv.LeaseList{List: make([]kv.LeaseInfo, n)}),
			respOf(kv.LeaseInfo{Keys: make([]string, n)}),
			respOf(kv.Group{Members: make([]kv.Member, n)}),
			respOf(kv.Group{Guests: make([]kv.Guest, n)}),
			respOf(kv.ConflictList{List: make([]kv.Conflicted, n)}),
			respOf(kv.Distances{List: make([]kv.Distance, n)}),
		}
		var items kv.Items
		var events kv.EventList
		var leases kv.LeaseList
		var keys kv.LeaseInfo
		var group kv.Group
		var conflicts kv.ConflictList
		var distances kv.Distances
		for i := range n {
			one := item(fmt.Sprintf("%06d", i), "v", uint64(i))
			items.List = append(items.List, one)
			events.List = append(events.List, kv.Event{Kind: kv.EventPut, Item: one})
			leases.List = append(leases.List, kv.LeaseInfo{ID: kv.LeaseID(i)})
			keys.Keys = append(keys.Keys, one.Key)
			group.Members = append(group.Members, kv.Member{ID: kv.ReplicaID(i), Addr: one.Key})
			group.Guests = append(group.Guests, kv.Guest{ID: kv.ReplicaID(i), Addr: one.Key, Ready: i%2 == 0})
			conflicts.List = append(conflicts.List, kv.Conflicted{Text: one.Key, Then: []kv.Op{kv.Delete{Key: one.Key}}})
			distances.List = append(distances.List, kv.Distance{ID: kv.ReplicaID(i), Addr: one.Key, Up: i%2 == 0})
		}
		full := []kv.Response{respOf(items), respOf(events), respOf(leases), respOf(keys), respOf(group), respOf(conflicts), respOf(distances)}
		for _, resp := range append(zeros, full...) {
			var got kv.Response
			require.NoError(t, got.DecodeFrom(resp.AppendTo(nil)))
			require.Empty(t, cmp.Diff(resp, got))
		}
	}
}

func TestEmptyBytesDecodeAsNil(t *testing.T) {
	req := kv.Request{Token: []byte{}, Op: kv.Put{Key: "k", Value: []byte{}}}
	var got kv.Request
	require.NoError(t, got.DecodeFrom(req.AppendTo(nil)))
	require.Nil(t, got.Token)
	require.Nil(t, got.Op.(kv.Put).Value)
}

// A reused value must show nothing of the message before it.
func TestDecodingLeavesNothingOfTheLastMessage(t *testing.T) {
	for _, old := range requestGolden {
		for _, g := range requestGolden {
			got := old.req
			require.NoError(t, got.DecodeFrom(unhex(t, g.hex)))
			require.Empty(t, cmp.Diff(g.req, got))
		}
		got := old.req
		require.ErrorIs(t, got.DecodeFrom([]byte{0x88, 0x01}), cbor.ErrMalformed)
		require.Empty(t, cmp.Diff(kv.Request{}, got))
	}
	for _, old := range responseGolden {
		for _, g := range responseGolden {
			got := old.resp
			require.NoError(t, got.DecodeFrom(unhex(t, g.hex)))
			require.Empty(t, cmp.Diff(g.resp, got))
		}
		got := old.resp
		require.ErrorIs(t, got.DecodeFrom([]byte{0x87, 0x01}), cbor.ErrMalformed)
		require.Empty(t, cmp.Diff(kv.Response{}, got))
	}
}

func TestDecodedValuesShareNoMemoryWithTheirBytes(t *testing.T) {
	for _, g := range requestGolden {
		b := unhex(t, g.hex)
		got, err := kv.DecodeRequest(b)
		require.NoError(t, err)
		scribble(b)
		require.Equal(t, g.hex, hex.EncodeToString(got.AppendTo(nil)))
	}
	for _, g := range responseGolden {
		b := unhex(t, g.hex)
		got, err := kv.DecodeResponse(b)
		require.NoError(t, err)
		scribble(b)
		require.Equal(t, g.hex, hex.EncodeToString(got.AppendTo(nil)))
	}
}

func TestBorrowedRequestsAreAsDecodedOnesButForTheirMemory(t *testing.T) {
	for _, g := range requestGolden {
		b := unhex(t, g.hex)
		var got kv.Request
		require.NoError(t, got.BorrowFrom(b))
		require.Empty(t, cmp.Diff(g.req, got))
	}
	var got kv.Request
	b := (&kv.Request{Token: []byte("t"), Op: kv.Put{Key: "key", Value: []byte("value")}}).AppendTo(nil)
	require.NoError(t, got.BorrowFrom(b))
	copy(b[bytes.Index(b, []byte("value")):], "VALUE")
	copy(b[bytes.Index(b, []byte("key")):], "KEY")
	require.Equal(t, kv.Put{Key: "key", Value: []byte("VALUE")}, got.Op, "a string is its own")
	require.ErrorIs(t, got.BorrowFrom(b[1:]), cbor.ErrMalformed)
	require.Empty(t, cmp.Diff(kv.Request{}, got))
}

func TestAClonedResponseSharesNothing(t *testing.T) {
	for _, g := range responseGolden {
		resp := g.resp.Clone()
		require.Empty(t, cmp.Diff(&g.resp, resp))
		scribbleAll(reflect.ValueOf(resp))
		require.Equal(t, g.hex, hex.EncodeToString(g.resp.AppendTo(nil)), "%#v", g.resp)
	}
	rapid.Check(t, func(t *rapid.T) {
		resp := drawResponse(t)
		want, c := resp.AppendTo(nil), resp.Clone()
		require.Equal(t, want, c.AppendTo(nil))
		scribbleAll(reflect.ValueOf(c))
		require.Equal(t, want, resp.AppendTo(nil))
	})
}

// scribbleAll overwrites all that v leads to: lists, what is in them, what is pointed
// to.
func scribbleAll(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			scribbleAll(v.Elem())
		}
	case reflect.Struct:
		for i := range v.NumField() {
			scribbleAll(v.Field(i))
		}
	case reflect.Slice:
		for i := range v.Len() {
			scribbleAll(v.Index(i))
			v.Index(i).SetZero()
		}
	}
}

func scribble(b []byte) {
	for i := range b {
		b[i] = 0xee
	}
}

func TestDetailAndTryAreMadeValidText(t *testing.T) {
	resp := kv.Response{Status: kv.Invalid, Detail: "key \xff\xfe!", Try: "\xc3"}
	b := resp.AppendTo(nil)
	require.NoError(t, cbor.Scan(b, cbor.Limits{}))
	var got kv.Response
	require.NoError(t, got.DecodeFrom(b))
	require.Equal(t, "key \ufffd!", got.Detail)
	require.Equal(t, "\ufffd", got.Try)
}

func TestEveryTruncationAndExtensionIsRefused(t *testing.T) {
	cases := 0
	for _, g := range requestGolden {
		b := unhex(t, g.hex)
		for n := range b {
			_, err := kv.DecodeRequest(b[:n])
			require.ErrorIs(t, err, cbor.ErrMalformed, "%x", b[:n])
			cases++
		}
		_, err := kv.DecodeRequest(append(b, 0x00))
		require.ErrorIs(t, err, cbor.ErrMalformed)
	}
	for _, g := range responseGolden {
		b := unhex(t, g.hex)
		for n := range b {
			_, err := kv.DecodeResponse(b[:n])
			require.ErrorIs(t, err, cbor.ErrMalformed, "%x", b[:n])
			cases++
		}
		_, err := kv.DecodeResponse(append(b, 0x00))
		require.ErrorIs(t, err, cbor.ErrMalformed)
	}
	require.Greater(t, cases, 500)
}

func TestDecodeRequestRefuses(t *testing.T) {
	txn := func(list string) string { return reqHead + "820783" + list + "8080" }
	for name, in := range map[string]string{
		"nothing":                     "",
		"another type":                "01",
		"a field too few":             "87000000008200004000",
		"a field too many":            "8900000000820000400000f6",
		"a level of 9 bits":           "88000000190100820000" + "4000f6",
		"a version of three":          "8800000000830000004000f6",
		"a token that is text":        "880000000082000060" + "00f6",
		"an operation that is no op":  reqHead + "f4",
		"an operation of one item":    reqHead + "8101",
		"an operation of kind 0":      reqHead + "820080",
		"an operation of kind 25":     reqHead + "82181980",
		"an operation of kind 257":    reqHead + "8219010181416b",
		"a get without a key":         reqHead + "820180",
		"a get with two":              reqHead + "820182416b416b",
		"a key that is text":          reqHead + "820181616b",
		"a long head":                 reqHead + "82180181416b",
		"a lease below 0":             reqHead + "820a8120",
		"a wait above 2^63":           "880000000082000040" + "1b8000000000000000f6",
		"a bool that is a number":     reqHead + "820f8101",
		"an undefined":                reqHead + "f7",
		"an indefinite list":          reqHead + "8207839f" + "ff8080",
		"members with a field":        reqHead + "82118100",
		"a change of one":             reqHead + "82138101",
		"a transfer to -1":            reqHead + "82148120",
		"a guarded write of two":      reqHead + "82158240" + "80",
		"a program that is text":      reqHead + "8215836080" + "40",
		"a guarded write in another":  reqHead + "821583" + "40" + "81" + "821583408040" + "40",
		"a guarded write in a txn":    reqHead + "820783" + "80" + "81" + "821583408040" + "80",
		"129 operations, guarded":     reqHead + "821583409881" + strings.Repeat("f6", 129) + "40",
		"an inquiry of nothing":       reqHead + "821680",
		"conflicts without a limit":   reqHead + "821781820000",
		"a probe with a field":        reqHead + "8218188100",
		"members in a transaction":    reqHead + "820783" + "80" + "818211" + "8100" + "80",
		"a transaction in another":    reqHead + "8207838081" + "8207838080" + "80" + "80",
		"a compare cut short":         txn("8185416b0201408200"),
		"a target of 9 bits":          txn("8186416b1901000140820000" + "00"),
		"129 compares":                reqHead + "8207839881" + strings.Repeat("8640000040820000"+"00", 129) + "8080",
		"129 operations in a branch":  reqHead + "820783809881" + strings.Repeat("f6", 129) + "80",
		"129 operations in the other": reqHead + "82078380809881" + strings.Repeat("f6", 129),
	} {
		_, err := kv.DecodeRequest(unhex(t, in))
		require.ErrorIs(t, err, cbor.ErrMalformed, name)
	}
}

func TestDecodeResponseRefuses(t *testing.T) {
	txn := func(outcome string) string { return respHead + "820482f581" + outcome }
	for name, in := range map[string]string{
		"nothing":                             "",
		"a field too few":                     "86006082000040f460",
		"a status of 9 bits":                  "8719010060820000" + "40f460f6",
		"detail in bytes":                     "87004082000040f460f6",
		"detail that is no UTF-8":             "870061ff82000040f460f6",
		"a result of kind 0":                  respHead + "820080",
		"a result of kind 16":                 respHead + "821080",
		"a result of kind 257":                respHead + "82190101" + itemHex,
		"an item of five":                     respHead + "820185416b4176820007820007" + "01",
		"a null item in a list":               respHead + "82028381f600f4",
		"a transaction in another":            txn("8201" + "820482f580"),
		"events in a transaction":             txn("8201" + "8205828082" + "0000"),
		"a session in a transaction":          txn("8201" + "8208820102"),
		"129 outcomes":                        respHead + "820482f59881" + strings.Repeat("8201f6", 129),
		"a group in a transaction":            txn("8201" + "820a89010203040506078080"),
		"a group without guests":              respHead + "820a880102030405060780",
		"a member without a role":             respHead + "820a89010203040506078182086080",
		"a role of 9 bits":                    respHead + "820a8901020304050607818308601901" + "0080",
		"a quorum above 2^63":                 respHead + "820a89010203" + "1b8000000000000000" + "0506078080",
		"a ballot of three":                   respHead + "820b89010502" + "83030400" + "0506070860",
		"a fate of 9 bits":                    respHead + "820c81190100",
		"a standing of two":                   respHead + "820d82f5f4",
		"a conflict of four":                  respHead + "820e8281" + "84820506" + "61734174" + "80" + "f4",
		"a conflict about a scan":             respHead + "820e8281" + "85820506" + "61734174" + "81" + "8204864040" + "00f4f4f4" + "f5" + "f4",
		"a conflict about nothing":            respHead + "820e8281" + "85820506" + "61734174" + "81" + "f6" + "f5" + "f4",
		"a conflict in a transaction":         txn("8201" + "820e8280f4"),
		"a distance of five":                  respHead + "820f830160" + "81" + "85026060f503",
		"more conflicts than there are bytes": respHead + "820e82" + "9a7fffffff",
		"more servers than there are bytes":   respHead + "820f830160" + "9a7fffffff",
		"more members than there are bytes":   respHead + "820a8901020304050607" + "9a7fffffff",
		"more guests than there are bytes":    respHead + "820a890102030405060780" + "9a7fffffff",
		"previous that is false":              respHead + "8205828183" + "01" + itemHex + "f4" + "820008",
		"more items than there are bytes":     respHead + "820283" + "9a7fffffff",
		"more keys than there are bytes":      respHead + "820684010220" + "9a7fffffff",
		"more events than there are bytes":    respHead + "820582" + "9a7fffffff",
		"more leases than there are bytes":    respHead + "820781" + "9a7fffffff",
		"more outcomes than there are bytes":  respHead + "820482f5" + "9a7fffffff",
	} {
		_, err := kv.DecodeResponse(unhex(t, in))
		require.ErrorIs(t, err, cbor.ErrMalformed, name)
	}
}

func TestHotMessagesAllocateLittle(t *testing.T) {
	buf := make([]byte, 0, 1024)
	for i, most := range []float64{3, 4} { // get: request, key, operation; put: and value
		req := benchRequests[i].req
		require.Zero(t, testing.AllocsPerRun(100, func() { buf = req.AppendTo(buf[:0]) }))
		require.LessOrEqual(t, testing.AllocsPerRun(100, func() { kept, _ = kv.DecodeRequest(buf) }), most)
	}
	for i, most := range []float64{4, 1} {
		resp := benchResponses[i].resp
		require.Zero(t, testing.AllocsPerRun(100, func() { buf = resp.AppendTo(buf[:0]) }))
		require.LessOrEqual(t, testing.AllocsPerRun(100, func() { kept, _ = kv.DecodeResponse(buf) }), most)
	}
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	require.NoError(t, err)
	return b
}
