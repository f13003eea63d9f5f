// Package persist is the room of stage 2: immutable blobs in deterministic CBOR,
// named by the hash of their bytes, and the crash-safe files that keep them.
//
// It will hold object, chunk and tree (how a value becomes blobs), wal, pack and
// head (how blobs and records survive a crash), and the commands kvd, blob and
// sim. The file under every Save of stages 4 and 5, an implementation of
// common/stable, belongs here too.
//
// Nothing of it is built yet. It comes with the second stage.
package persist
