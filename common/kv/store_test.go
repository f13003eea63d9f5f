package kv_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"dss.example/common/kv"
)

func TestVersionsParseAsTheyPrint(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := drawVersion(t)
		if drawBool(t) {
			v.Hi = 0
		}
		got, err := kv.ParseVersion(v.String())
		require.NoError(t, err)
		require.Equal(t, v, got)
	})
	require.Equal(t, "17", kv.Version{Lo: 17}.String())
	require.Equal(t, "3.17", kv.Version{Hi: 3, Lo: 17}.String())
}

func TestParseVersionRefuses(t *testing.T) {
	for _, s := range []string{
		"", ".", "1.", ".1", "1.2.3", "-1", "+1", " 1", "1 ", "0x1", "1e3", "a", "1.b", "١",
		"18446744073709551616", "99999999999999999999", "1.18446744073709551616", strings.Repeat("0", 21),
	} {
		v, err := kv.ParseVersion(s)
		require.Error(t, err, "%q", s)
		require.True(t, v.IsZero())
	}
	got, err := kv.ParseVersion("18446744073709551615.18446744073709551615")
	require.NoError(t, err)
	require.Equal(t, kv.Version{Hi: 1<<64 - 1, Lo: 1<<64 - 1}, got)
}

func TestVersionsAreOrderedByTheirHighPartFirst(t *testing.T) {
	sorted := []kv.Version{{}, {Lo: 1}, {Lo: 1<<64 - 1}, {Hi: 1}, {Hi: 1, Lo: 1}, {Hi: 2}}
	for i, v := range sorted {
		for j, w := range sorted {
			want := 0
			if i < j {
				want = -1
			} else if i > j {
				want = 1
			}
			require.Equal(t, want, v.Compare(w), "%s and %s", v, w)
		}
		require.Equal(t, i == 0, v.IsZero())
	}
}

func TestPrefixEndBoundsExactlyThePrefix(t *testing.T) {
	anyBytes := rapid.OneOf(
		rapid.SliceOfN(rapid.Byte(), 0, 5),
		rapid.SliceOfN(rapid.SampledFrom([]byte{0, 'a', 0xfe, 0xff}), 0, 5),
	)
	rapid.Check(t, func(t *rapid.T) {
		prefix := string(anyBytes.Draw(t, "prefix"))
		key := string(anyBytes.Draw(t, "key"))
		if drawBool(t) {
			key = prefix + key
		}
		to := kv.PrefixEnd(prefix)
		within := key >= prefix && (to == "" || key < to)
		require.Equal(t, strings.HasPrefix(key, prefix), within, "%q in %q to %q", key, prefix, to)
	})
	require.Equal(t, "b", kv.PrefixEnd("a"))
	require.Equal(t, "b", kv.PrefixEnd("a\xff\xff"))
	require.Equal(t, "", kv.PrefixEnd("\xff\xff"))
	require.Equal(t, "", kv.PrefixEnd(""))
}

func TestLevelsParseAsTheyPrint(t *testing.T) {
	for l := kv.LevelDefault; l <= kv.StrictSerializable; l++ {
		got, err := kv.ParseLevel(l.String())
		require.NoError(t, err)
		require.Equal(t, l, got)
	}
	_, err := kv.ParseLevel("strong")
	require.ErrorContains(t, err, "linearizable")
	require.Equal(t, "#9", kv.Level(9).String())
}

func TestCapabilitiesAreASet(t *testing.T) {
	some := kv.CapAppend | kv.CapLeases
	require.True(t, some.Has(kv.CapLeases))
	require.True(t, some.Has(some))
	require.True(t, some.Has(0))
	require.False(t, some.Has(kv.CapLeases|kv.CapWatch))
	require.Equal(t, "append+leases", some.String())
	require.Equal(t, "", kv.Cap(0).String())
	require.Equal(t, "members+durable", (kv.CapMembers | kv.CapDurable).String())
}

func TestOperationsHaveNamesAndTellReadsFromWrites(t *testing.T) {
	read := map[string]bool{"get": true, "scan": true, "events": true, "leases": true, "stat": true, "txn": true}
	seen := map[string]bool{}
	for _, op := range []kv.Op{
		kv.Get{},
		kv.Put{},
		kv.Delete{},
		kv.Scan{},
		kv.Append{},
		kv.CAS{},
		kv.Txn{},
		kv.Events{},
		kv.Grant{},
		kv.KeepAlive{},
		kv.Revoke{},
		kv.Leases{},
		kv.OpenSession{},
		kv.CloseSession{},
		kv.Stat{},
		kv.Expire{},
	} {
		name := kv.OpName(op)
		require.False(t, seen[name], name)
		seen[name] = true
		require.Equal(t, read[name], kv.ReadOnly(op), name)
	}
	require.Len(t, seen, 16)
	require.Equal(t, "none", kv.OpName(nil))
	require.False(t, kv.ReadOnly(nil))
	require.True(t, kv.ReadOnly(kv.Txn{Then: []kv.Op{kv.Get{}}, Else: []kv.Op{kv.Scan{}}}))
	require.False(t, kv.ReadOnly(kv.Txn{Then: []kv.Op{kv.Get{}, kv.Put{}}}))
	require.False(t, kv.ReadOnly(kv.Txn{Else: []kv.Op{kv.Delete{}}}))
}

func TestOnlyALongPollWaits(t *testing.T) {
	require.True(t, (&kv.Request{Op: kv.Events{}, Wait: time.Second}).Waits())
	require.False(t, (&kv.Request{Op: kv.Events{}}).Waits())
	require.False(t, (&kv.Request{Op: kv.Get{}, Wait: time.Second}).Waits())
}

func TestSmallEnumerationsHaveNames(t *testing.T) {
	require.Equal(t, "mod", kv.TargetMod.String())
	require.Equal(t, "lease", kv.TargetLease.String())
	require.Equal(t, ">", kv.Greater.String())
	require.Equal(t, "#9", kv.Relation(9).String())
	require.Equal(t, "any", kv.EventKind(0).String())
	require.Equal(t, "delete", kv.EventDelete.String())
}
