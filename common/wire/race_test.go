//go:build race

package wire_test

// mutations is how many mutated frames a run tries; the race detector makes each
// ten times as dear.
const mutations = 10_000
