package judged

import (
	"bytes"
	"iter"
	"maps"
	"math/rand/v2"
	"slices"

	"dss.example/common/blob"
	"dss.example/common/judge"

	"dss.example/p2-persist/tree"
)

func treeChecks() []judge.Check {
	return []judge.Check{
		{
			Step: "p2.4", Name: "the same pairs have the same root", Run: asks("tree", builds),
			Rule: "Build makes of some pairs the one tree that the rule says, whatever their number and size.",
		},
		{
			Step: "p2.4", Name: "changes lead to the root that Build makes", Run: asks("tree", applies),
			Rule: "After any puts and deletes the root is that of the pairs that are there, and nothing tells what came and went before.",
		},
		{
			Step: "p2.4", Name: "any order of insertion has one root", Run: asks("tree", orders),
			Rule: "The same pairs, put one by one in whatever order, have the same root.",
		},
		{
			Step: "p2.4", Name: "one change writes one path", Run: asks("tree", onePath),
			Rule: "One key changed in a large tree reads and writes about a node a level; what changes nothing writes nothing.",
		},
		{
			Step: "p2.4", Name: "the old tree stays as it is", Run: asks("tree", oldRoots),
			Rule: "After any number of changes every older root still has its own pairs; nothing that was read is changed.",
		},
		{
			Step: "p2.4", Name: "a lookup reads a node a level", Run: asks("tree", lookups),
			Rule: "Get finds what is there and nothing else, and reads at most one node of each level.",
		},
		{
			Step: "p2.4", Name: "ranges list what is there in either direction", Run: asks("tree", treeRanges),
			Rule: "Range and Backward list the pairs from one key to before another, in order.",
		},
		{
			Step: "p2.4", Name: "a node that lies is refused", Run: asks("tree", lyingNodes),
			Rule: "A node that is not what its parent says is ErrNode, and its pairs are not believed.",
		},
		{
			Step: "p2.4", Name: "what a tree cannot hold is refused", Run: asks("tree", refusedPairs),
			Rule: "Keys that do not ascend, that are empty or too long, values that are too large, and targets out of range have an error of their own.",
		},
	}
}

// judgeRoot compares the root that was answered with that of the right tree, all of
// which must be in the store.
func judgeRoot(p *part, what string, answer [][]byte, target int, m model) []byte {
	want := staffTree(p, blob.NewMemory(), target, m).Root()
	if !same(answer, [][]byte{want[:]}) {
		p.t.Fatalf("%s: the root of %d pairs is %x: want %x", what, len(m), answer, want[:])
	}
	got, err := tree.Open(p.blobs.Memory, want)
	if err == nil {
		err = got.Verify()
	}
	if err != nil {
		p.t.Fatalf("%s: not all of the tree of %d pairs is in the store: %v", what, len(m), err)
	}
	return want[:]
}

func builds(t *judge.T, p *part) {
	r := rand.New(rand.NewPCG(t.Seed(), 5))
	for _, n := range []int{0, 1, 2, 3, 20, 300, 4000} {
		for _, target := range []int{0, tree.MinTarget, 1000} {
			m := randomModel(r, n)
			judgeRoot(p, "Build", p.must("tree.build", words(uint64(target)), m.flat(m.keys())...).Bytes, target, m)
		}
	}
	m := model{"k": {Bytes: noise(1, tree.MaxValue)}, string(noise(2, tree.MaxKey)): {}, "l": {Bytes: noise(3, tree.MaxValue)}}
	judgeRoot(p, "Build", p.must("tree.build", words(0), m.flat(m.keys())...).Bytes, 0, m)
}

func applies(t *judge.T, p *part) {
	r := rand.New(rand.NewPCG(t.Seed(), 6))
	for _, target := range []int{tree.MinTarget, 600} {
		m := randomModel(r, 400)
		root := judgeRoot(p, "Build", p.must("tree.build", words(uint64(target)), m.flat(m.keys())...).Bytes, target, m)
		for i := range 32 {
			deletes, b := m.batch(r, 1+r.IntN(1<<(i%8)))
			answer := p.must("tree.apply", deletes, append([][]byte{root}, b...)...)
			root = judgeRoot(p, "Apply", answer.Bytes, target, m)
		}
		all := m.flat(m.keys())
		answer := p.must("tree.apply", slices.Repeat(words(1), len(m)), append([][]byte{root}, all...)...)
		judgeRoot(p, "Apply that deletes all", answer.Bytes, target, model{})
	}
}

func orders(t *judge.T, p *part) {
	r := rand.New(rand.NewPCG(t.Seed(), 7))
	m := randomModel(r, 120)
	for range 4 {
		root := p.shaped(2, 1, "tree.build", words(tree.MinTarget)).Bytes
		keys := m.keys()
		r.Shuffle(len(keys), func(i, j int) { keys[i], keys[j] = keys[j], keys[i] })
		for _, key := range keys {
			root = p.shaped(2, 1, "tree.apply", words(0), append(slices.Clip(root), m.flat([]string{key})...)...).Bytes
		}
		judgeRoot(p, "Apply, key by key", root, tree.MinTarget, m)
	}
}

func onePath(t *judge.T, p *part) {
	r, m, old := large(t, p)
	root := old.Root()
	for range 40 {
		one := maps.Clone(m)
		key := []byte(one.change(r, 8000))
		var want tree.Tree
		change := []tree.Change{{Key: key, Value: one[string(key)]}}
		staff := &shelf{Memory: p.blobs.Memory}
		staffGets, staffPuts := staff.count(func() { want, _ = old.Apply(staff, change) })
		var answer [][]byte
		gets, puts := p.blobs.count(func() {
			answer = p.must("tree.apply", words(0), append([][]byte{root[:]}, one.flat([]string{string(key)})...)...).Bytes
		})
		if id := want.Root(); !same(answer, [][]byte{id[:]}) {
			t.Fatalf("the root after one change is %x: want %x", answer, id[:])
		}
		if most := old.Height(); puts > staffPuts+most || gets > staffGets+3*most {
			t.Fatalf("one change of %d pairs got %d nodes and put %d: want about one a level, of %d", len(m), gets, puts, most)
		}
	}
	key := m.keys()[100]
	_, puts := p.blobs.count(func() {
		p.must("tree.apply", words(0, 1), slices.Concat([][]byte{root[:]}, m.flat([]string{key}), [][]byte{[]byte("~"), nil, nil})...)
	})
	if puts > 0 {
		t.Errorf("a change that changes nothing put %d nodes", puts)
	}
}

func oldRoots(t *judge.T, p *part) {
	r := rand.New(rand.NewPCG(t.Seed(), 9))
	p.must("tree.share", nil)
	m := randomModel(r, 500)
	root := p.shaped(2, 1, "tree.build", words(tree.MinTarget), m.flat(m.keys())...).Bytes
	type old struct {
		root [][]byte
		m    model
	}
	var all []old
	for range 25 {
		all = append(all, old{root, maps.Clone(m)})
		deletes, b := m.batch(r, 1+r.IntN(30))
		before := p.must("tree.before", deletes, append(slices.Clip(root), b...)...)
		if o := all[len(all)-1]; !same(before.Bytes, o.m.flat(o.m.keys())) {
			t.Fatalf("a tree of %d pairs has others after one was made of it", len(o.m))
		}
		root = p.shaped(2, 1, "tree.apply", deletes, append(slices.Clip(root), b...)...).Bytes
	}
	for i, o := range all {
		m := p.must("tree.range", words(0), o.root[0], nil, nil)
		if !same(m.Bytes, o.m.flat(o.m.keys())) {
			t.Fatalf("after %d later changes a tree of %d pairs has other pairs than before", len(all)-i, len(o.m))
		}
	}
}

func lookups(t *judge.T, p *part) {
	_, m, built := large(t, p)
	root := built.Root()
	p.must("tree.get", nil, root[:])
	for i, key := range m.keys() {
		if i%40 != 0 {
			continue
		}
		for _, k := range []string{key, key + "\x00", key[:len(key)-1], "~"} {
			var answer [][]byte
			var found []uint64
			gets, _ := p.blobs.count(func() {
				a := p.must("tree.get", nil, root[:], []byte(k))
				answer, found = a.Bytes, a.Numbers
			})
			v, there := m[k]
			want := appendValue(nil, v)
			if len(found) != 1 || (found[0] == 1) != there || !same(answer, want) {
				t.Fatalf("Get of %q answered %v %x: want %v %x", k, found, answer, there, want)
			}
			if gets > built.Height() {
				t.Fatalf("Get of %q read %d nodes of a tree of %d levels", k, gets, built.Height())
			}
		}
	}
}

func treeRanges(t *judge.T, p *part) {
	r := rand.New(rand.NewPCG(t.Seed(), 10))
	m := randomModel(r, 900)
	root := p.shaped(2, 1, "tree.build", words(tree.MinTarget), m.flat(m.keys())...).Bytes[0]
	keys := m.keys()
	bound := func() []byte {
		return [][]byte{nil, []byte(keys[r.IntN(len(keys))]), []byte(keys[r.IntN(len(keys))] + "\x00"), []byte("~")}[r.IntN(4)]
	}
	for range 60 {
		from, to, back := bound(), bound(), r.Uint64N(2)
		var want []string
		for _, key := range keys {
			if key >= string(from) && (len(to) == 0 || key < string(to)) {
				want = append(want, key)
			}
		}
		if back == 1 {
			slices.Reverse(want)
		}
		if got := p.must("tree.range", words(back), root, from, to).Bytes; !same(got, m.flat(want)) {
			t.Fatalf("the pairs from %q to %q are %d, answered were %d, or others", from, to, len(want), len(got)/3)
		}
	}
}

// lyingNodes puts a changed node where a right one is, and lets its parents follow.
func lyingNodes(t *judge.T, p *part) {
	r := rand.New(rand.NewPCG(t.Seed(), 11))
	m := randomModel(r, 60)
	root := idOf(judgeRoot(p, "Build", p.must("tree.build", words(tree.MinTarget), m.flat(m.keys())...).Bytes, tree.MinTarget, m))
	var nodes []blob.ID
	for id := range p.blobs.ids() {
		nodes = append(nodes, id)
	}
	for range 150 {
		bad := root
		if i := r.IntN(len(nodes)); nodes[i] == root || r.IntN(4) == 0 {
			bad = p.blobs.instead(root, root, func(b []byte) []byte { return mutate(r, b) })
		} else {
			bad = p.blobs.instead(root, nodes[i], func(b []byte) []byte { return mutate(r, b) })
		}
		want, wrong := staffPairs(p, bad)
		got, err := p.ask("tree.range", words(0), bad[:], nil, nil)
		p.alike("a tree with a false node", err, wrong, tree.ErrNode)
		if err == nil && wrong == nil && !same(got.Bytes, want) {
			t.Errorf("a tree with a false node was read as pairs that are not in it")
		}
	}
}

// ids are the names of all blobs.
func (s *shelf) ids() iter.Seq[blob.ID] {
	return func(yield func(blob.ID) bool) {
		all, _ := s.List(blob.ID{}, blob.MaxBatch)
		for _, in := range all {
			if !yield(in.ID) {
				return
			}
		}
	}
}

// instead stores the blobs from a root down anew, with other bytes for one of them, and
// returns the new root.
func (s *shelf) instead(root, old blob.ID, change func([]byte) []byte) blob.ID {
	b, err := s.Memory.Get(root)
	if err != nil {
		return root
	}
	if root == old {
		b = change(b)
	} else {
		for id := range s.ids() {
			if at := bytes.Index(b, id[:]); at >= 0 && id != root {
				under := s.instead(id, old, change)
				copy(b[at:], under[:])
			}
		}
	}
	id, err := s.Memory.Put(root.Codec(), b)
	if err != nil {
		return root
	}
	return id
}

// staffPairs is what listing a tree should give.
func staffPairs(p *part, root blob.ID) (b [][]byte, err error) {
	opened, err := tree.Open(p.blobs.Memory, root)
	if err != nil {
		return nil, err
	}
	for pair, err := range opened.Range(nil, nil) {
		if err != nil {
			return nil, err
		}
		b = appendValue(append(b, bytes.Clone(pair.Key)), tree.Value{Bytes: bytes.Clone(pair.Value.Bytes), Link: pair.Value.Link})
	}
	return b, nil
}

func refusedPairs(_ *judge.T, p *part) {
	pair := func(key string, n int) [][]byte { return [][]byte{[]byte(key), make([]byte, n), nil} }
	root := p.shaped(2, 1, "tree.build", words(0), pair("k", 1)...).Bytes
	for _, c := range []struct {
		want  error
		pairs [][]byte
	}{
		{tree.ErrOrder, slices.Concat(pair("b", 1), pair("a", 1))},
		{tree.ErrOrder, slices.Concat(pair("b", 1), pair("b", 1))},
		{tree.ErrKey, pair("", 1)},
		{tree.ErrKey, pair(string(make([]byte, tree.MaxKey+1)), 1)},
		{tree.ErrValue, pair("a", tree.MaxValue+1)},
		{tree.ErrValue, [][]byte{[]byte("a"), nil, []byte("no name of a blob")}},
	} {
		p.refuses(c.want, "tree.build", words(0), c.pairs...)
		p.refuses(c.want, "tree.apply", words(0, 0), append(slices.Clip(root), c.pairs...)...)
	}
	for _, target := range []uint64{1, tree.MinTarget - 1, tree.MaxTarget + 1} {
		p.refuses(tree.ErrTarget, "tree.build", words(target), pair("k", 1)...)
	}
}
