// Package fsck says exactly what is wrong with a directory of stage 2 (p2-persist/datadir)
// and mends what can be mended.
//
//	files    every record of every pack, every index file, what interrupted writes left
//	blobs    every blob is hashed (pack.Store.Verify)
//	heads    from every head along all links: what is missing, damaged or malformed, and
//	         on which way it was met
//	log      what wal.Open finds, and whether the newest checkpoint can be read
//
// [Check] changes nothing: it opens the store on a disk of which it keeps all changes in
// memory. So what opening would repair is found like all else.
//
// # Mending
//
// Mending never takes what somebody may need. Index files are derived from packs and can
// be made anew; what was never synced may be cut; a damaged blob may go if nothing leads
// to it; and records that nobody can recognise may go if nothing is missing. Whether
// something leads to a blob is known only if every head and every object on the way can
// be read. What cannot be mended is a blob that a head leads to: only whoever has another
// copy can put it again, which heals it.
package fsck
