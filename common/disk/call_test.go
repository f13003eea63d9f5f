package disk_test

import (
	"bytes"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"dss.example/common/cbor"
	"dss.example/common/disk"
	"dss.example/common/machine"
)

var (
	_ machine.Data = disk.Call{}
	_ machine.Data = disk.Result{}
)

func calls() []disk.Call {
	return []disk.Call{
		{Op: disk.Open, Name: "a/b"},
		{Op: disk.Rename, Name: "a", To: "b"},
		{Op: disk.Read, File: 1<<32 - 1, Offset: 1 << 40, Size: 9},
		{Op: disk.Write, File: 3, Offset: -1, Data: []byte("data")},
		{Op: disk.SyncDir, Name: "."},
		{Op: disk.Write, Data: make([]byte, disk.MaxData)},
		{Op: disk.Remove, Name: strings.Repeat("n", disk.MaxPath)},
	}
}

func results() []disk.Result {
	return []disk.Result{
		{},
		{Code: disk.Dead},
		{File: 7},
		{Code: disk.NoSpace, Size: 3},
		{Data: []byte("data")},
		{Names: []string{"a", "b/", "\xff"}},
	}
}

func TestCallsAndResultsDecodeAsTheyWere(t *testing.T) {
	for _, c := range calls() {
		got, err := disk.DecodeCall(c.AppendTo(nil))
		require.NoError(t, err)
		require.True(t, reflect.DeepEqual(c, got), c) // some are too long for cmp.Diff
	}
	for _, r := range results() {
		got, err := disk.DecodeResult(r.AppendTo(nil))
		require.NoError(t, err)
		require.Empty(t, cmp.Diff(r, got))
	}
}

func TestDecodedDataIsNotTheBytesItCameFrom(t *testing.T) {
	b := disk.Call{Op: disk.Write, Data: []byte("data")}.AppendTo(nil)
	c, err := disk.DecodeCall(b)
	require.NoError(t, err)
	clear(b)
	require.Equal(t, "data", string(c.Data))
	b = disk.Result{Data: []byte("data")}.AppendTo(nil)
	r, err := disk.DecodeResult(b)
	require.NoError(t, err)
	clear(b)
	require.Equal(t, "data", string(r.Data))
}

func TestOutOfBoundsIsMalformed(t *testing.T) {
	for _, c := range []disk.Call{
		{},
		{Op: disk.SyncDir + 1},
		{Op: disk.Open, Name: strings.Repeat("n", disk.MaxPath+1)},
		{Op: disk.Rename, To: strings.Repeat("n", disk.MaxPath+1)},
		{Op: disk.Write, Data: make([]byte, disk.MaxData+1)},
	} {
		got, err := disk.DecodeCall(c.AppendTo(nil))
		require.ErrorIs(t, err, cbor.ErrMalformed)
		require.Empty(t, cmp.Diff(disk.Call{}, got))
	}
	for _, r := range []disk.Result{
		{Code: disk.Dead + 1},
		{Data: make([]byte, disk.MaxData+1)},
		{Names: []string{strings.Repeat("n", disk.MaxName+2)}},
		{Names: make([]string, disk.MaxNames+1)},
	} {
		got, err := disk.DecodeResult(r.AppendTo(nil))
		require.ErrorIs(t, err, cbor.ErrMalformed)
		require.Empty(t, cmp.Diff(disk.Result{}, got))
	}
}

func TestEveryTruncationIsMalformed(t *testing.T) {
	b := disk.Call{Op: disk.Write, Name: "a", File: 3, Offset: 5, Data: []byte("data")}.AppendTo(nil)
	for n := range b {
		_, err := disk.DecodeCall(b[:n])
		require.ErrorIs(t, err, cbor.ErrMalformed, n)
	}
	_, err := disk.DecodeCall(append(b, 0))
	require.ErrorIs(t, err, cbor.ErrMalformed)
	b = disk.Result{File: 3, Size: 5, Data: []byte("data"), Names: []string{"a"}}.AppendTo(nil)
	for n := range b {
		_, err := disk.DecodeResult(b[:n])
		require.ErrorIs(t, err, cbor.ErrMalformed, n)
	}
}

func TestACallIsToldInWords(t *testing.T) {
	require.Equal(t, `rename "a" to "b"`, disk.Call{Op: disk.Rename, Name: "a", To: "b"}.String())
	require.Equal(t, `write file 3, 4 bytes at 5`, disk.Call{Op: disk.Write, File: 3, Offset: 5, Data: []byte("data")}.String())
	require.Equal(t, `read file 3, 6 bytes at 5`, disk.Call{Op: disk.Read, File: 3, Offset: 5, Size: 6}.String())
	require.Equal(t, `truncate file 3 to 6 bytes`, disk.Call{Op: disk.Truncate, File: 3, Size: 6}.String())
	require.Equal(t, `sync directory "."`, disk.Call{Op: disk.SyncDir, Name: "."}.String())
}

func FuzzDecodeCall(f *testing.F) {
	for _, c := range calls()[:5] {
		f.Add(c.AppendTo(nil))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := disk.DecodeCall(b)
		if err != nil {
			require.ErrorIs(t, err, cbor.ErrMalformed)
			require.Empty(t, cmp.Diff(disk.Call{}, c))
			return
		}
		require.True(t, bytes.Equal(b, c.AppendTo(nil)))
		disk.NewMemory().Do(c) // whatever it asks for
	})
}

func FuzzDecodeResult(f *testing.F) {
	for _, r := range results() {
		f.Add(r.AppendTo(nil))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := disk.DecodeResult(b)
		if err != nil {
			require.ErrorIs(t, err, cbor.ErrMalformed)
			require.Empty(t, cmp.Diff(disk.Result{}, r))
			return
		}
		require.True(t, bytes.Equal(b, r.AppendTo(nil)))
	})
}
