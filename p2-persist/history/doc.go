// Package history strings directories together in time: snapshots, branches, tags, and
// the way back to what was.
//
// A [Snapshot] is an object that says how things stood (the root), what came before (its
// parents), who made it, when and why. It is immutable like every blob, and its ID is the
// hash of all that, so whoever holds the newest ID can check the whole past:
//
//	heads     branch/main ────────────┐              tag/v1 ─┐
//	                                  ▼                      │
//	snapshots          c4 ──► c3 ──► merge ...        c1 ◄───┘
//	                                   │
//	roots              directories, files, anything that has an ID
//
// What moves is a branch, and nothing else: [History.Commit] makes blobs durable before
// it moves one, and moves it only from the snapshot that the new one names as its first
// parent. A tag never moves.
//
// # Time
//
// A snapshot is later than its parents: Commit sees to that even if the clock of whoever
// made it is behind, and every reader refuses a past that breaks it. So an ID is reached
// before its parents in [Log] by time alone, without a memory of all that was seen; and
// the first parents of a branch are sorted by time, so "as it was last Monday" is one
// snapshot.
//
// [History.Resolve] reads what people write:
//
//	main                        the tip of a branch, or else a tag
//	bafyreigx7k                 the snapshot whose ID begins so
//	main~2                      its first parent's first parent
//	main@2026-01-02             the newest at or before that day's first moment
//	main@2026-01-02T15:04:05Z   ... that moment (main@2026-01-02T15:04 is UTC too)
//	main@{3h ago}  main@-3h     ... 3 hours ago; s, m, h, d and w are known
//
// and any row of "~" and "@" behind each other.
package history
