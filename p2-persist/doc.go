// Package persist is the room of stage 2: immutable blobs in deterministic CBOR,
// named by the hash of their bytes, and the crash-safe files that keep them.
//
// A value becomes blobs by object (its bytes), chunk and file (large files), and tree
// (maps of any size). Nothing in them knows a disk. What survives a crash is the
// business of the files: segment, wal, pack and head.
package persist
