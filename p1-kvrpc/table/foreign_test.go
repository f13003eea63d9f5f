package table_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"dss.example/common/kv"
	"dss.example/p1-kvrpc/table"
)

func TestWhatOtherStagesOfferIsRefusedAndChangesNothing(t *testing.T) {
	s := newStore(t, table.Config{})
	before := s.op(kv.Put{Key: "a", Value: []byte("1")}).Rev
	for _, op := range []kv.Op{
		kv.Members{},
		kv.Inspect{},
		kv.Change{Remove: 1},
		kv.Transfer{To: 1},
		kv.Guarded{Then: []kv.Op{kv.Put{Key: "a"}}},
		kv.Inquire{Write: before},
		kv.Conflicts{},
		kv.Probe{},
	} {
		for _, resp := range []*kv.Response{s.op(op), s.tab.Do(s.now, &kv.Request{Op: op})} {
			require.NotNil(t, resp, kv.OpName(op))
			require.Equal(t, kv.Unsupported, resp.Status, kv.OpName(op))
			require.Equal(t, before, resp.Rev, kv.OpName(op))
		}
		if kv.ReadOnly(op) {
			require.Equal(t, kv.Unsupported, s.tab.Read(s.now, &kv.Request{Op: op}).Status, kv.OpName(op))
		}
	}
}
