package fsck_test

import (
	"maps"
	"testing"

	"github.com/stretchr/testify/require"

	"dss.example/common/blob"
	"dss.example/p2-persist/dir"
	"dss.example/p2-persist/file"
	"dss.example/p2-persist/history"
	"dss.example/p2-persist/object"
)

// malformed is a thing whose hash is right and which is not what it should be.
type malformed struct {
	put  func(r *room) // what the head "x" or "branch/x" leads to
	want []string
}

type m = map[string]any

// encode returns an object.
func (r *room) encode(v any) []byte {
	b, err := object.Encode(v)
	require.NoError(r.t, err)
	return b
}

// leaf is a raw blob that is there.
func leaf() blob.ID { return blob.Sum(blob.Raw, text(1, 100)) }

func badSnapshotsAndDirectories() map[string]malformed {
	badDir := m{"kind": "dir", "v": 1, "entries": []m{{"name": "..", "kind": "file", "link": leaf()}}}
	return map[string]malformed{
		"no object": {
			func(r *room) { r.point("branch/x", r.object([]byte{0xff})) },
			[]string{"malformed object|branch/x", "unknown what is needed|"},
		},
		"no snapshot": {
			func(r *room) { r.point("branch/x", r.object(r.encode(m{"kind": "cat"}))) },
			[]string{"malformed snapshot|branch/x"},
		},
		"raw bytes": {
			func(r *room) { r.point("branch/x", leaf()) },
			[]string{"malformed snapshot|branch/x"},
		},
		"snapshot by its kind": {
			func(r *room) { r.point("x", r.object(r.encode(m{"kind": "snapshot"}))) },
			[]string{"malformed snapshot|x"},
		},
		"directory": {
			func(r *room) { r.commit("x", r.object(r.encode(badDir))) },
			[]string{"malformed directory|branch/x"},
		},
		"directory below": {func(r *room) {
			r.commit("x", r.object(r.encode(m{"kind": "dir", "v": 1, "entries": []m{
				{"name": "d", "kind": "dir", "mode": 0o755, "link": r.object(r.encode(m{"kind": "cat"}))},
			}})))
		}, []string{"malformed directory|branch/x:d"}},
		"parent that is not older": {func(r *room) {
			old := r.commit("old", leaf())
			id, err := history.Save(r.Blobs, history.Snapshot{Root: leaf(), Parents: []blob.ID{old}, Time: 1})
			require.NoError(r.t, err)
			r.point("branch/x", id)
			require.NoError(r.t, r.Heads.Delete("branch/old", 1))
		}, []string{"malformed snapshot|branch/x~1"}},
		"second parent": {func(r *room) {
			id, err := history.Save(r.Blobs, history.Snapshot{
				Root: leaf(), Parents: []blob.ID{r.commit("x", leaf()), r.object(r.encode(m{"kind": "cat"}))}, Time: 9,
			})
			require.NoError(r.t, err)
			r.point("branch/x", id)
		}, []string{"malformed snapshot|branch/x^2"}},
	}
}

func badFilesAndTrees() map[string]malformed {
	return map[string]malformed{
		"file of another size": {func(r *room) {
			root, err := dir.Save(r.Blobs, []dir.Entry{{Name: "f", Kind: dir.File, Size: 99, Link: leaf()}})
			require.NoError(r.t, err)
			r.commit("x", root)
		}, []string{"malformed file|branch/x:f"}},
		"large file of another size": {func(r *room) {
			n := file.Node{Level: 1, Parts: []file.Part{{Size: 100, Link: leaf()}, {Size: 7}}}
			root, err := dir.Save(r.Blobs, []dir.Entry{{Name: "f", Kind: dir.File, Size: 100, Link: r.object(n.Append(nil))}})
			require.NoError(r.t, err)
			r.commit("x", root)
		}, []string{"malformed file|branch/x:f"}},
		"file of the wrong levels": {func(r *room) {
			low := file.Node{Level: 1, Parts: []file.Part{{Size: 100, Link: leaf()}}}
			high := file.Node{Level: 3, Parts: []file.Part{{Size: 100, Link: r.object(low.Append(nil))}}}
			r.point("x", r.object(high.Append(nil)))
		}, []string{"malformed file|x"}},
		"chunk of another size": {func(r *room) {
			n := file.Node{Level: 1, Parts: []file.Part{{Size: 101, Link: leaf()}}}
			r.point("x", r.object(n.Append(nil)))
		}, []string{"malformed file|x"}},
		"file node": {
			func(r *room) { r.point("x", r.object(r.encode(m{"kind": "file", "level": 1}))) },
			[]string{"malformed file|x"},
		},
		"tree node": {
			func(r *room) { r.point("x", r.object(r.encode([]any{"tree", 4096, 0, []any{1}}))) },
			[]string{"malformed tree|x"},
		},
		"tree leaf below": {func(r *room) {
			bad := r.object(r.encode([]any{"tree", 4096, 0, []any{1}}))
			r.point("x", r.object(r.encode([]any{"tree", 4096, 1, []any{[]byte("a"), 1, bad, []byte("b"), 1, bad}})))
		}, []string{"malformed tree|x"}},
	}
}

func TestMalformedObjectsAreNamedThoughTheirHashesAreRight(t *testing.T) {
	all := badSnapshotsAndDirectories()
	maps.Copy(all, badFilesAndTrees())
	for name, c := range all {
		t.Run(name, func(t *testing.T) {
			r := newRoom(t)
			r.with(func() {
				r.put(text(1, 100))
				r.point("keeps", leaf())
				c.put(r)
			})
			requireFound(t, r.check(), c.want...)
			requireFound(t, r.mend(), c.want...)
		})
	}
}
