// Package dir keeps directories of any size in a blob store, and copies them in from a
// disk and out to it.
//
// A directory is a list of entries, sorted by name. An entry says what a name stands for:
// a file (its contents are of package file), another directory, or a symbolic link. The
// entry holds the ID of what it stands for, so that one ID, that of the topmost
// directory, stands for the whole tree below it, down to the last byte:
//
//	           root: {doc, main.go}
//	                  /          \
//	doc: {guide, old.txt}     main.go's chunks
//	       /          \
//	guide's chunks    old.txt's chunks
//
// A change makes new objects on the path from the root to what has changed. All else is
// shared: two trees are compared, and a snapshot is taken, in the time of the difference.
//
// # Encoding
//
// A directory of at most MaxInline entries is one object,
//
//	{"v": 1, "kind": "dir", "entries": [{"name": "main.go", "kind": "file", …}, …]}
//
// without "entries" if it is empty. A larger one is
//
//	{"v": 1, "kind": "dir", "tree": LINK}
//
// where the link leads to a map of package tree: under each name the entry without its
// name and link, and the link as the value's link. Which of the two it is depends on the
// number of entries alone, so the same entries have the same ID, however they came to be
// there.
//
// An entry has no owner and no inode number, and a symbolic link no mode and time: what
// is restored elsewhere and scanned again has the same ID.
//
// # Trust
//
// Directories may come from a stranger. Whatever is read has been checked: names that
// could lead anywhere but into their directory are refused, as are entries out of order,
// and trees deeper than MaxDepth. There are no circles, because nobody can put a hash
// into what it is the hash of. But a few small objects can say that they are a tree of
// more entries than there are atoms; who walks through it sets the limit.
package dir
