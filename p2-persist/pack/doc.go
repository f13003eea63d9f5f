// Package pack is a blob.Store in a directory: blobs stand one behind the other in large
// files, packs, and an index in memory says where each of them is.
//
// # The directory
//
//	pack-0000000001   a segment (p2-persist/segment) of records, the oldest
//	idx-0000000001    what is in it, sorted; of every pack but the last
//	pack-0000000002   the last pack: what is put now is appended to it
//	lock              held while a Store is open
//
// A record is a blob or a tombstone. Its payload begins with the blob's ID and the CRC-32C
// of that in four bytes, so that a record of which the rest is damaged can still be told;
// the blob's bytes follow, of a tombstone none. Of all records about one ID the last one
// counts, in order of packs and offsets: it is there, or deleted.
//
// Packs are the truth, and index files are derived from them. One that is missing or does
// not check is made anew from its pack, and one that lies cannot make Get lie, for Get
// hashes what it reads. Only when a pack is lost does its index file know what was in it.
//
// # How a blob becomes durable
//
// Put queues a record in memory and returns. Sync makes one of those who wait the leader:
// it writes all that is queued with one write, syncs once, and all who wait return. So the
// more callers there are, the more blobs a sync pays for. When a pack is full its leader
// syncs it, writes its index file, and publishes the next pack: a later pack proves that
// all before it was durable. What fails on this way ends the Store ([blob.ErrFailed]).
//
// # How space comes back
//
// Delete appends a tombstone. [Store.Compact] copies what lives in a pack to the last one,
// syncs, then removes the index file, then the pack: a crash anywhere leaves each blob at
// least once. [Store.Mark] and [Store.Sweep] are what a collector needs so that it never
// deletes what somebody puts, or puts again, while it looks for what is still needed.
//
// # Damage
//
// A blob that does not check is not forgotten: Get returns blob.ErrCorrupt, also after the
// Store was opened again, until it is deleted or put anew, which heals it. If records are
// damaged beyond recognition (see [Stats].Lost), Get says ErrCorrupt of every blob that is
// not there, for it may have been one of them.
package pack
