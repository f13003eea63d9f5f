//go:build !race

package wire_test

// mutations is how many mutated frames a run tries.
const mutations = 100_000
