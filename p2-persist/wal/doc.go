// Package wal is the [stable.Log] in files: segments (p2-persist/segment) in a directory,
// each named by the number of its first record.
//
//	lock                       held by the process that has the log open
//	00000000000000000001.wal   records 1 to 4711
//	00000000000000004712.wal   records from 4712 on: the one that is written
//
// # What is durable when
//
// Append keeps the record in memory, Sync writes what was appended and syncs the last
// segment once. A record that does not fit goes to a new segment: the old one is synced
// first, so all segments but the last are durable as a whole, and the new one gets its
// name when its size and header are durable. Trim is a note in the last segment, durable
// with the next Sync, which then removes the segments that hold nothing any more. Each
// segment begins with the note, so no other file is needed to know it.
//
// Any failure of the disk in a call that changes the log kills it: nothing is retried.
//
// # Recovery
//
// Open cuts the torn tail of the last segment, syncs it, and only then looks at records:
// what is replayed once will be there again. A crash during recovery changes nothing.
//
// Damage is passed to Replay as damaged records with their numbers, which the numbers
// around it tell; so is a segment that is missing in the middle or in front of the log.
// If the last segment is shorter than it was made, or not even its first note is there,
// nobody knows what it held: one damaged record stands for the rest, and a new segment
// makes it stay there.
//
// What cannot be told from a tail that was never synced is damage to the records of the
// last Sync before a crash (see segment), and the loss of all that is newest: the end of
// the last segment turned to zeros, or the last segments, or all, with their names.
package wal

import (
	"errors"

	"dss.example/p2-persist/segment"
)

// Options of a log. The zero Options are sensible.
type Options struct {
	// SegmentSize is how many bytes a segment has, MinSegment to segment.MaxSize; 0
	// means DefaultSegment. One record that needs more gets a larger one.
	SegmentSize int64
}

// Bounds and defaults.
const (
	MinSegment     = 256      // bytes
	DefaultSegment = 16 << 20 // bytes
	MaxLost        = 1 << 24  // records that may be missing in one place
	MaxDamage      = 256      // stretches of damage that a Report lists
)

// Report is what Open has found.
type Report struct {
	Segments    int
	First, Next uint64   // the records, First to Next-1
	Torn        int64    // bytes that were cut: never synced, or damage that cannot be told from that
	Lost        uint64   // records that are damaged or missing
	Damage      []Damage // at most MaxDamage
	More        int      // stretches of damage that are not in Damage
}

// Damage is a stretch of a file that is not what was written to it, or a part of the log
// that is missing.
type Damage struct {
	File         string
	Offset, Size int64  // in bytes; Size 0: the end of the file, or a file before it, is missing
	First, Lost  uint64 // the records that were there; Lost 0: none that is needed
}

// Errors of Open, besides disk's and ErrVersion of segment.
var (
	ErrLocked  = errors.New("log is in use by another")
	ErrOptions = errors.New("segment size out of range")
	ErrDamaged = errors.New("log is damaged beyond use")
)

const (
	kind                    = 'w' // of the segments
	record     segment.Kind = 1
	trimmed    segment.Kind = segment.Note + 1 // payload: the number before which all is trimmed
	trimSize                = 8
	noteEnd                 = segment.HeaderSize + segment.HeadSize + trimSize // a segment gets its name with the note in it
	lockName                = "lock"
	suffix                  = ".wal"
	nameDigits              = 20
)
