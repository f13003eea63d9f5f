// Package stage1 compares the key-value server of stage 1 with its peers: Redis,
// gRPC, and net/rpc with three codecs, above the floor of a bare TCP echo. All keep
// values in memory.
//
// The peers are written as a user of each library would write them, without tricks
// but one: rueidis pipelines by itself what shares a connection, and that is why it
// is the one to beat there.
package stage1
