// Package segment keeps records in one file, and tells after a crash which of them are
// there: it is the one reader of torn tails. The log (p2-persist/wal) and the blobs
// (p2-persist/pack) stand on it.
//
// # The file
//
// A segment has its full size from the start, in zeros, so that an append overwrites
// zeros and a sync need not change the size. It gets its name when header and size are
// durable: a file of that name whose header does not check, or that is shorter than its
// header says, is damaged, never half made. All numbers are little-endian.
//
//	header   magic 7 · version 1 · kind 1 · first 8 · size 8 · zeros 3 · CRC-32C 4
//	records  head checksum 4 · payload checksum 4 · kind 1 · length 3 · synced 4 ·
//	         number 8 · payload, one behind the other
//	zeros
//
// The head checksum (CRC-32C) covers the segment's kind and first number, the record's
// own offset and the rest of the head, the payload's checksum among it. Bytes that landed
// at another place or in another file are therefore damage. A head that checks is believed
// about its length: one bad payload costs one record.
//
// Records are numbered without gaps from the segment's first number; notes, which are
// about records, take none and carry the number of the record that comes next.
//
// # Torn or damaged
//
// Each record says up to which offset the file had been synced when it was appended. The
// newest such mark divides the file: bytes before it were durable, so what does not check
// there is damage, which is reported with its extent, and the scan goes on at the next
// record. What is behind it was never known to be durable: the first thing there that is no
// record, be it zeros, half a record or a hole left by sectors that were not written, is
// the tail, and it is cut with all that follows, valid or not, for a crash may keep later
// writes and lose earlier ones.
//
// So damage is told from a torn tail if any record was appended after the Sync that made
// the bytes durable, or [Writer.Close] has left its mark, or the caller knows that all was
// synced (a later segment exists). It cannot be told in the records of the very last Sync
// before a crash: damage there looks like a tail, and [Tail] counts it as Torn.
//
// A checksum is against accidents. In the search for the next record a random 24 bytes
// pass for a head with probability below 2^-70 (32 bits of checksum, and of the 64 of the
// number at most 26 are free), so in 1 GiB of garbage with below 2^-40. Who can write to
// the disk can forge records.
package segment

import (
	"errors"

	"dss.example/common/stable"
)

// Header says which segment a file is. The caller knows it, by the file's name.
type Header struct {
	Kind  uint8  // what the file is for: log, blobs, …
	First uint64 // the number of its first record
}

// Kind says what a record is. Its owner decides, but 0 is none: zeros are no record.
type Kind uint8

// Kinds from Note on are those of notes, which take no number.
const (
	Note Kind = 0x80
	mark Kind = 0xff // says with an empty payload that all before it was synced
)

// Record is a record, or a stretch of damage.
type Record struct {
	Offset  int64 // in the file, in bytes
	Size    int64 // in bytes, with the head
	Kind    Kind
	Number  uint64 // of a note: that of the next record
	Payload []byte

	// Damaged tells that Size bytes at Offset do not check, and that Lost records were
	// in them, from Number on; there is no Payload. Lost is 0 for a note or the header.
	Damaged bool
	Lost    uint64
}

// Tail tells how a segment ends.
type Tail struct {
	End    int64  // behind the last record, in bytes
	Next   uint64 // the number that the next record will have
	Synced int64  // the newest mark: all before it was durable
	Torn   int64  // bytes from End to the last that is not zero; 0: the end is clean
	Broken bool   // the file is shorter than it was made, or nothing in it checks: records may be missing at End
}

// Bounds, in bytes.
const (
	MaxPayload = stable.MaxRecord // of one record
	HeadSize   = 24               // of a record, before its payload
	HeaderSize = 32               // of a segment, before its first record
	MaxSize    = 1 << 30          // of a segment
)

// Errors.
var (
	ErrTooLarge = errors.New("record exceeds 8 MiB")
	ErrFull     = errors.New("segment is full")
	ErrSize     = errors.New("size of a segment out of range")
	ErrKind     = errors.New("not a kind that a record may have")
	ErrVersion  = errors.New("segment of an unknown version")
	ErrDamaged  = errors.New("record is damaged")
	ErrFailed   = errors.New("segment failed: what is on the disk is unknown")
	ErrClosed   = errors.New("segment is closed")
)
