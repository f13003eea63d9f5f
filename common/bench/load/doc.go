// Package load drives a peer of the benchmarks: a closed loop, in which each caller
// sends its next request when its last one was answered, and the mix of gets and
// puts that "kv bench" of stage 1 sends, so that both sides are asked the same.
package load
