// Package tree is a persistent ordered map: an immutable tree of blobs, of which a
// change makes a new one that shares with the old all that did not change. The same
// pairs make the same tree, with the same root, in whatever order they came and whatever
// came and went before. It is a core: pure, without clock or goroutine.
//
// It is what is called a prolly tree (a probabilistic B-tree; Noms, 2015).
//
// # The shape
//
// All pairs, sorted by key, are one long row. The row is cut into leaves behind certain
// keys. The leaves' links, each with its leaf's last key, are a row again, which is cut
// into inner nodes, and so on, until a row is one node: the root.
//
//	level 2                     [ m      z ]
//	                             /        \
//	level 1              [ c   g   m ]    [ s   z ]
//	                      /    |    \      /     \
//	level 0           [a b c][e g][h k m][p q s][v z]
//	                       ^    ^      ^      ^
//	                       cut behind c, g, m and s
//
// A B-tree cuts where there is no more room, so that its shape tells the story of its
// insertions. Here the keys decide ([Params.ends] is the rule). Going along a row, it ends
// a node behind the first entry
//
//	at which the node has a quarter of the target size or more, and
//	    whose key has a hash that is small enough for the entry's weight,
//	    or with which the node has four times the target size or more.
//
// The rule begins anew behind every cut and looks at nothing but the node itself. So the
// cuts of a row follow from the row, from left to right, one after the other. The row of
// level 0 follows from the pairs, and each row from the row below. Hence:
//
//   - The same pairs have the same root. Which changes led to them cannot matter, as long
//     as Apply makes what Build would make.
//   - Apply may keep any node that begins at a cut, if no pair in it changes: it would
//     come out again. That is how it avoids reading the tree.
//   - Behind a change, the new cuts may differ from the old ones until a cut falls on the
//     same key. From there on all is as before. The hash is the key's alone, so a key
//     that ended a node ends one again unless it comes within a quarter of the target of
//     another cut: the two rows meet after a node or two.
//   - A new value of the same length moves no cut at all. One of another length moves one
//     about as often as its share of a node.
//   - Whether a node was cut by the rule can be seen from the node alone (Verify).
//
// A bound that counted from anywhere else, say from where the change was, would break the
// first of these.
//
// # Bounds
//
// A node holds less than four times the target in bytes of entries, and one entry more,
// of at most MaxKey + MaxValue and some 60 bytes. (An inner node holds two entries even
// if they are larger than that.) Every inner node but the last of its level has two
// children or more, so a tree of n leaves has at most 2 + log2(n) levels; with the
// default target and keys of 16 bytes a node has about 70 children and a million pairs
// make four levels. Someone who chooses keys for their hashes can make all nodes small
// or large within these bounds. At worst, where no key of a long stretch ends a node by
// itself, a change may have to write all of the stretch behind it.
//
// # Trust
//
// A node that is read is checked: canonical bytes, ascending keys within what its parent
// allows, its last key, level, target and count as its parent says. Get, Range, Rank, At
// and Diff rest on no more. Equal contents under equal roots, and what Apply returns,
// rest on the rule too, which Verify checks.
package tree
