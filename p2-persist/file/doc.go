// Package file keeps files of any size in a blob store, as trees of chunks.
//
// A small file is one chunk, and that chunk is its blob. A larger one is a tree: [Node]
// objects of level 1 list chunks, nodes of level n list nodes of level n-1, and the ID
// of the root is the ID of the file:
//
//	                  level 2: [9 MB, ·] [4 MB, ·]
//	                             |          |
//	level 1: [1 MB, ·] [7 MB, hole] [1 MB, ·]   [2 MB, ·] [2 MB, ·]
//	             |                      |           |         |
//	           chunk                  chunk       chunk     chunk
//
// A part's size says how many bytes of the file lie under it, so a reader goes down to
// an offset without looking at anything beside the path. A chunk of nothing but zeros
// is a hole: its size is written down, its bytes are not, and holes beside each other
// are one part.
//
// # Same bytes, same ID
//
// The tree depends on the bytes and on the cutter, on nothing else: not on what the
// store holds, how the bytes came, or how many workers wrote them. Where a node ends is
// decided as for chunks, by what is in it: after [MinParts] parts at least, behind a
// link that ends in seven zero bits, and at [MaxParts] at last. So a change in the
// middle of a file replaces the chunks around it and the nodes above those; nodes to
// the right stay as they are.
//
// # Reading
//
// A [File] checks what it reads: blobs are checked by the store against their IDs, nodes
// for their form, and each blob against the level and the size that its parent gave
// it. Bytes that were hashed by a liar have right IDs all the same. What does not fit is
// [ErrMalformed] at the offset where it stands, and never a wrong byte.
package file
