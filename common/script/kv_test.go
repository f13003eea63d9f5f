package script_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"dss.example/common/kv"
	"dss.example/common/script"
)

func TestAReadCanNameARevisionAndASession(t *testing.T) {
	for text, want := range map[string]*kv.Request{
		"get a":               {Op: kv.Get{Key: "a"}},
		"get a at 7":          {Op: kv.Get{Key: "a"}, At: kv.Version{Lo: 7}},
		"scan at 7":           {Op: kv.Scan{}, At: kv.Version{Lo: 7}},
		"scan a b at 1.7":     {Op: kv.Scan{From: "a", To: "b"}, At: kv.Version{Hi: 1, Lo: 7}},
		"scan at at at 7":     {Op: kv.Scan{From: "at", To: "at"}, At: kv.Version{Lo: 7}},
		"get a at 7 in 3 2 1": {Op: kv.Get{Key: "a"}, At: kv.Version{Lo: 7}, Session: 3, Seq: 2, Acked: 1},
		"put at 7":            {Op: kv.Put{Key: "at", Value: []byte("7")}},
		"cas at 7 x in 3 2 1": {Op: kv.CAS{Key: "at", Old: kv.Version{Lo: 7}, Value: []byte("x")}, Session: 3, Seq: 2, Acked: 1},
	} {
		got, err := script.KV(strings.Fields(text))
		require.NoError(t, err, text)
		require.Empty(t, cmp.Diff(want, got), text)
	}
	for _, text := range []string{"get a at yesterday", "scan at -1", "get a at 7 in 3 2 x"} {
		_, err := script.KV(strings.Fields(text))
		require.Error(t, err, text)
	}
}
