package judged

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"

	"dss.example/common/blob"
	"dss.example/common/judge"

	"dss.example/p2-persist/tree"
)

func diffChecks() []judge.Check {
	return []judge.Check{
		{
			Step: "p2.5", Name: "a diff tells what differs", Run: asks("tree", diffs),
			Rule: "Diff lists each key that two trees do not agree about once, in order, with what each has.",
		},
		{
			Step: "p2.5", Name: "equal parts are not read", Run: asks("tree", cheapDiffs),
			Rule: "The nodes that two trees have in common are not read: the cost is that of the difference.",
		},
		{
			Step: "p2.5", Name: "a proof is what a lookup reads", Run: asks("tree", proofs),
			Rule: "Prove gives at most a node a level, which convince one who knows the root alone, of a key that is there and of one that is not.",
		},
		{
			Step: "p2.5", Name: "only a true proof is believed", Run: asks("tree", falseProofs),
			Rule: "Check believes no proof that was changed in any bit, that lacks a node or has one too many, or is about another root or key.",
		},
	}
}

// differences are what leads from one model to another, as they travel.
func differences(a, b model) (n []uint64, all [][]byte) {
	both := maps.Clone(a)
	maps.Copy(both, b)
	for _, key := range both.keys() {
		before, was := a[key]
		after, is := b[key]
		if was && is && before.Equal(after) {
			continue
		}
		n = append(n, map[bool]uint64{false: 1}[was]+2*map[bool]uint64{false: 1}[is])
		all = appendValue(appendValue(append(all, []byte(key)), before), after)
	}
	return n, all
}

func diffs(t *judge.T, p *part) {
	r := rand.New(rand.NewPCG(t.Seed(), 12))
	for i := range 40 {
		a := randomModel(r, r.IntN(400))
		b := maps.Clone(a)
		b.batch(r, r.IntN(1<<(i%9)))
		if i%8 == 0 {
			b = randomModel(r, r.IntN(300))
		}
		from, to := staffTree(p, p.blobs, tree.MinTarget, a).Root(), staffTree(p, p.blobs, tree.MinTarget, b).Root()
		kinds, want := differences(a, b)
		m := p.must("tree.diff", nil, from[:], to[:])
		if !slices.Equal(m.Numbers, kinds) || !same(m.Bytes, want) {
			t.Fatalf("trees of %d and %d pairs differ in %d keys: answered %d, or others", len(a), len(b), len(kinds), len(m.Numbers))
		}
	}
}

func cheapDiffs(t *judge.T, p *part) {
	r, m, old := large(t, p)
	from := old.Root()
	for _, n := range []int{0, 1, 5} {
		other := maps.Clone(m)
		for range n {
			other.change(r, 8000)
		}
		changed := staffTree(p, p.blobs, 512, other)
		to := changed.Root()
		kinds, _ := differences(m, other)
		var got int
		gets, _ := p.blobs.count(func() { got = len(p.must("tree.diff", nil, from[:], to[:]).Numbers) })
		if got != len(kinds) {
			t.Fatalf("%d keys differ: answered %d", len(kinds), got)
		}
		if most := 2 + 4*(n+1)*old.Height(); gets > most {
			t.Errorf("to find %d differences between trees of %d pairs took %d nodes: want at most %d", n, len(m), gets, most)
		}
	}
}

func proofs(t *judge.T, p *part) {
	_, m, built := large(t, p)
	root := built.Root()
	for i, key := range m.keys() {
		if i%100 != 0 {
			continue
		}
		for _, k := range []string{key, key + "\x00", "~"} {
			proof := p.must("tree.prove", nil, root[:], []byte(k)).Bytes
			v, found, err := tree.Proof(proof).Check(root, []byte(k))
			if want, there := m[k]; err != nil || found != there || !v.Equal(want) || len(proof) > built.Height() {
				t.Fatalf("the proof for %q has %d nodes of a tree of %d levels, and shows %v, %v", k, len(proof), built.Height(), found, orOK(err))
			}
			judgeProof(p, root, k, proof)
		}
	}
}

// judgeProof compares what is believed of a proof with what should be.
func judgeProof(p *part, root blob.ID, key string, proof tree.Proof) {
	v, found, wrong := proof.Check(root, []byte(key))
	m, err := p.ask("tree.check", nil, append([][]byte{root[:], []byte(key)}, proof...)...)
	p.alike(fmt.Sprintf("Check of a proof of %d nodes", len(proof)), err, wrong, tree.ErrProof)
	if err == nil && wrong == nil && (len(m.Numbers) != 1 || (m.Numbers[0] == 1) != found || !same(m.Bytes, appendValue(nil, v))) {
		p.t.Errorf("Check of a true proof for %q answered %v %x", key, m.Numbers, m.Bytes)
	}
}

func falseProofs(t *judge.T, p *part) {
	r, m, built := large(t, p)
	keys := m.keys()
	for range 250 {
		key, root := keys[r.IntN(len(keys))], built.Root()
		proof, err := built.Prove([]byte(key))
		if err != nil {
			t.NotJudged("%v", err)
		}
		proof = slices.Clone(proof)
		i := r.IntN(len(proof))
		switch r.IntN(7) {
		case 0:
			proof[i] = mutate(r, proof[i])
		case 1:
			proof = slices.Delete(proof, i, i+1)
		case 2:
			proof = slices.Insert(proof, i, proof[i])
		case 3:
			proof[0], proof[i] = proof[i], proof[0]
		case 4:
			key = keys[r.IntN(len(keys))]
		case 5:
			root = blob.Sum(blob.DAGCBOR, proof[len(proof)-1])
		default:
			proof = append(proof, proof[i])
		}
		judgeProof(p, root, key, proof)
	}
	judgeProof(p, built.Root(), keys[0], nil)
	proof, _ := built.Prove([]byte(keys[0])) // to believe nothing is no answer
	judgeProof(p, built.Root(), keys[0], proof)
	for _, key := range keys {
		if value := m[key].Bytes; len(value) >= 8 {
			proof, _ := built.Prove([]byte(key))
			leaf := len(proof) - 1
			for _, at := range []int{firstOfHash, len(blob.ID{}) - 1} {
				forged := slices.Clone(proof)
				forged[leaf] = lookalike(proof[leaf], value, at)
				judgeProof(p, built.Root(), key, forged)
			}
			break
		}
	}
}

// firstOfHash is where the hash begins in an ID.
const firstOfHash = 4

// lookalike returns a node with another value, whose ID has the same byte at one place:
// whoever compares no more than that takes it for the right one.
func lookalike(node, value []byte, at int) []byte {
	want, forged := blob.Sum(blob.DAGCBOR, node), bytes.Clone(node)
	where := bytes.Index(node, value)
	for n := uint64(1); ; n++ { // some 256 times
		binary.BigEndian.PutUint64(forged[where:], n)
		if id := blob.Sum(blob.DAGCBOR, forged); id != want && id[at] == want[at] {
			return forged
		}
	}
}
