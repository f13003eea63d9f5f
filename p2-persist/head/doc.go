// Package head keeps the few things of a store that change: named pointers to blobs, such
// as the branches of a history or the newest checkpoint of a tree.
//
// A head has a generation, which grows with every Set, also over a Delete. Whoever wants
// to change a head says which generation it has seen, and loses to whoever was faster
// ([ErrConflict]): no change is made on top of one that was not seen.
//
// A head never points to a blob that is not durable. [Store.Set] syncs the blobs, then
// replaces the head's file, then lets the new head be seen; a crash between any two of
// these leaves the old head, with all that it points to.
//
// # On the disk
//
// Each head is a file of its own, "head-" and the name, of which every byte but a to z,
// 0 to 9, "-" and "_" is written as "%" and two hexadecimal digits: such a file name is
// legal on every system, means one head only, also where upper and lower case are one,
// and cannot lead out of the directory. It holds the canonical encoding of
//
//	[version, name, generation, link]
//
// and the CRC-32C of that in four bytes, big-endian. The file "floor" holds the highest
// generation that any deleted head had, in the same way: [version, generation]. Files are
// replaced as a whole (temporary file, sync, rename, sync of the directory); "lock" is
// held while a Store is open.
package head
