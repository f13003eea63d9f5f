// Package stage4 compares the replicated log of stage 4 with its peers. Three replicas
// agree on commands of 100 bytes:
//
//   - in one process, with TCP between the replicas: the log that kvd stands on beside
//     hashicorp/raft (on BoltDB and on its own write-ahead log), dragonboat, etcd's raft
//     with its write-ahead log, and a probe that only replicates: the floor;
//   - as processes, through clients: kvd beside etcd;
//   - as processes of which the leader is killed: kvd beside etcd, hashicorp/raft and
//     dragonboat.
//
// # What is fair
//
// A command counts when its proposer is told that it was committed and applied. Under
// "durable" it is then on the disks of a majority: everybody syncs before it votes. Under
// "memory" nobody syncs, and the logs are in memory where a peer has such a log. All
// replicas of a turn start on empty directories, and all disks are one disk.
//
// Nobody's state machine does anything. Everybody proposes at the leader, and everybody
// keeps its own defaults but these: etcd's raft, a library without a transport, passes
// messages through channels, which is less work than what the others do, and ticks every
// 10 ms; dragonboat ticks every 10 ms too, and uses the least memory that it offers as a
// preset, or three replicas in a process would reserve gigabytes; hashicorp/raft has the
// cache in front of its log that its documentation recommends.
//
// Hashicorp/raft is v1.7.3, and not newer, because raft-boltdb v2.3.1 does not build with
// v1.8.0: it wants a part of go-metrics that is gone there.
//
// What is counted as a sync is a call for one: a commit of BoltDB makes two. Dragonboat's
// cannot be counted from outside without slowing it down, and those of servers in other
// processes are not counted.
//
// # The probe
//
// A leader that nobody elected writes batches to its log and to two followers at the same
// time, and answers when two of the three have synced. It recovers nothing, resends
// nothing, and cannot change its mind; its log is the one that ours uses. So its distance
// from ours is the price of agreement, and not of files.
//
// # A fail-over
//
// A turn kills the process that leads, with SIGKILL, and from then on asks both others, in
// turn, one request every 2 ms, whether they answer or not. What counts is the time from
// the kill to the first acknowledgement of a request that was sent after it. Then the dead
// one is started again, and when all three follow one leader the next is killed. Each has
// its own preset of patience, and the figure is mostly that: etcd and hashicorp/raft wait
// one second for a leader, dragonboat here 100 ms, and ours takes a broken connection as a
// hint.
package stage4
