package collect_test

import (
	"context"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"dss.example/common/blob"
	"dss.example/common/disk"
	"dss.example/p2-persist/collect"
	"dss.example/p2-persist/head"
)

// twin is a store beside what a reader of the package comment expects of it.
type twin struct {
	*room
	t       *rapid.T
	grace   time.Duration
	links   map[blob.ID][]blob.ID // of every blob that ever was
	heads   map[string]blob.ID
	writers []writer
}

// writer has put blobs to which it will point a head before the grace is over.
type writer struct {
	put  []blob.ID
	root blob.ID
	at   time.Time
}

func newTwin(t *rapid.T, grace time.Duration) *twin {
	r := &room{disk: disk.NewMemory(), now: start}
	r.open(t)
	return &twin{room: r, t: t, grace: grace, links: map[blob.ID][]blob.ID{}, heads: map[string]blob.ID{}}
}

// begin puts a small tree. There are few of them, so that often some of it is there.
func (w *twin) begin() {
	a, b := w.leaf(w.t, w.draw(5)), w.leaf(w.t, w.draw(5))
	root := w.node(w.t, []string{"x", "y", "z"}[w.draw(3)], a, b)
	w.links[root] = []blob.ID{a, b}
	w.writers = append(w.writers, writer{put: []blob.ID{a, b, root}, root: root, at: w.now})
}

// finish points a head to what a writer has put and to what some head leads to.
func (w *twin) finish() {
	if len(w.writers) == 0 {
		return
	}
	i := w.draw(len(w.writers))
	links := []blob.ID{w.writers[i].root}
	w.writers = slices.Delete(w.writers, i, i+1)
	if old, ok := w.heads[w.name()]; ok {
		links = append(links, old)
	}
	id := w.node(w.t, "commit", links...)
	w.links[id] = links
	w.set(w.name(), id)
}

// branch points a head to where another one points.
func (w *twin) branch() {
	if id, ok := w.heads[w.name()]; ok {
		w.set(w.name(), id)
	}
}

func (w *twin) delete() {
	name := w.name()
	if _, ok := w.heads[name]; ok {
		require.NoError(w.t, w.Heads.Delete(name, head.Any))
		delete(w.heads, name)
	}
}

func (w *twin) set(name string, id blob.ID) {
	w.point(w.t, name, id)
	w.heads[name] = id
}

func (w *twin) draw(n int) int { return rapid.IntRange(0, n-1).Draw(w.t, "n") }

func (w *twin) name() string { return []string{"a", "b", "c"}[w.draw(3)] }

// write is something that may happen at any time. Without a grace nobody is slow.
func (w *twin) write() {
	switch w.draw(5) {
	case 0, 1:
		if w.begin(); w.grace == 0 {
			w.finish()
		}
	case 2:
		w.finish()
	case 3:
		w.branch()
	case 4:
		w.delete()
	}
}

// collect runs a collection, in which others write, and which may be stopped.
func (w *twin) collect() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	o := w.options(w.grace)
	o.DryRun = w.draw(6) == 0
	o.Live = []float64{0.5, 1}[w.draw(2)]
	o.Progress = func(collect.Stats) {
		for range w.draw(3) {
			w.write()
		}
		if w.draw(20) == 0 {
			cancel()
		}
	}
	if _, err := collect.Run(ctx, w.Blobs, w.Heads, o); err != nil {
		require.ErrorIs(w.t, err, context.Canceled)
	}
	w.check()
}

// wait lets time pass. Who is too slow gives up.
func (w *twin) wait() {
	w.now = w.now.Add(time.Duration(w.draw(5)) * w.grace / 4)
	w.writers = slices.DeleteFunc(w.writers, func(one writer) bool { return w.now.Sub(one.at) >= w.grace })
}

// reopen ends the process with all its writers, in good order or not.
func (w *twin) reopen() {
	if w.writers = nil; w.draw(2) == 0 {
		w.room.reopen(w.t)
		return
	}
	w.disk = w.disk.Crash(disk.KeepNone)
	w.open(w.t)
}

// reached are the blobs that must be there for the heads.
func (w *twin) reached() map[blob.ID]bool {
	reached := map[blob.ID]bool{}
	for pending := slices.Collect(maps.Values(w.heads)); len(pending) > 0; {
		id := pending[len(pending)-1]
		if pending = pending[:len(pending)-1]; !reached[id] {
			reached[id] = true
			pending = append(pending, w.links[id]...)
		}
	}
	return reached
}

// check demands that all is there that must be.
func (w *twin) check() {
	w.has(w.t, slices.Collect(maps.Keys(w.reached()))...)
	for _, one := range w.writers {
		w.has(w.t, one.put...)
	}
}

// settle demands that in the end nothing else is there.
func (w *twin) settle() {
	w.writers = nil
	for range 4 { // to give up what is young, to condemn, to sweep, and the nodes of a lost list
		o := w.options(w.grace)
		_, err := collect.Run(context.Background(), w.Blobs, w.Heads, o)
		require.NoError(w.t, err)
		w.now = w.now.Add(w.grace)
	}
	w.check()
	require.ElementsMatch(w.t, slices.Collect(maps.Keys(w.reached())), w.ids(w.t))
}

func TestCollectionsAmongWritersKeepAllThatIsNeededAndInTheEndNothingElse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newTwin(t, []time.Duration{0, grace}[rapid.IntRange(0, 1).Draw(t, "grace")])
		t.Repeat(map[string]func(*rapid.T){
			"write":   func(*rapid.T) { w.write() },
			"collect": func(*rapid.T) { w.collect() },
			"wait":    func(*rapid.T) { w.wait() },
			"reopen":  func(*rapid.T) { w.reopen() },
		})
		w.settle()
		require.NoError(t, w.Close())
	})
}
