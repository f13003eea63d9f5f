// Package stage2 compares what stage 2 keeps on disks with its peers:
//
//   - blobs of 4 KiB, put and got by their hash: package pack beside bbolt and pebble,
//     each in the process of the driver;
//   - a tree of files, snapshot, changed, snapshot again and verified: the program
//     blob beside restic, borg, git, rsync and cp, all as processes;
//   - a key-value server whose puts are durable beside that of stage 1, whose are not.
//
// # What is fair
//
// Everybody keeps the same promise when the clock stops: what was put, or was
// snapshot, is on the disk. cp and rsync do not see to that, so a sync is part of their
// time; git is told to. Nobody compresses or encrypts. bbolt has Update for one caller
// and Batch, as large as there are callers, for more; pebble commits with Sync. A name
// is a SHA-256 for all, made by the driver and checked by it on every get.
//
// Space is the blocks of 4 KiB in all files of a store that hold anything, for each byte
// that is kept. Room that is reserved for what will be put (a pack of ours, a log of
// pebble's) is zeros, and not counted: beside a store of any size it is nothing.
//
// # The tree
//
// 65,536 files of 4 KiB in 256 directories, and 12 of 64 MiB, all random. Then 1 % is
// changed: every 100th small file is another, and in one large file 1 % of its bytes,
// in the middle, are others. A scale below 1 makes fewer small files and shorter
// large ones. At scale 1 all stores together take some 9 GiB where temporary files are,
// which must be a real disk: where a sync costs nothing nothing is measured.
//
// Turns of a round come in the order of the loads, so "second" finds the store that
// "first" has made in the same round, and "verify" finds both snapshots in it.
package stage2
