package pack

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"

	"dss.example/common/blob"
	"dss.example/p2-persist/segment"
)

// Kinds of records.
const (
	kindBlob segment.Kind = 1
	kindTomb segment.Kind = 2
)

// labelSize is how many bytes of a payload say which blob the record is about.
const labelSize = blob.IDSize + 4

// castagnoli is the table of CRC-32C. Never written.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// appendLabel appends the beginning of a payload.
func appendLabel(b []byte, id blob.ID) []byte {
	return binary.LittleEndian.AppendUint32(append(b, id[:]...), crc32.Checksum(id[:], castagnoli))
}

// parseLabel returns the ID at the beginning of a payload, and whether it checks.
func parseLabel(payload []byte) (blob.ID, bool) {
	if len(payload) < labelSize {
		return blob.ID{}, false
	}
	id := blob.ID(payload[:blob.IDSize])
	sum := binary.LittleEndian.Uint32(payload[blob.IDSize:])
	return id, id.Validate() == nil && sum == crc32.Checksum(id[:], castagnoli)
}

// recordSize returns the bytes that a record takes in a pack, with a blob of size bytes.
func recordSize(size uint32) int64 { return segment.HeadSize + labelSize + int64(size) }

// place is where a blob is. The zero place is the queue of what is to be written.
type place struct {
	pack   uint32
	offset uint32 // of the record
	size   uint32 // of the blob, in bytes
}

// state is what a record says of its ID.
type state uint8

const (
	there state = iota
	deleted
	damaged // there, but it does not check
)

// record is what the index keeps of a record.
type record struct {
	id     blob.ID
	offset uint32
	size   uint32
	state  state
}

// contents is what a pack holds: the last record about each ID.
type contents map[blob.ID]record

// open returns the blob in a record that was read, if it is the one that id names, and
// else blob.ErrCorrupt. That the record checks proves nothing: it may be about another blob,
// be a tombstone, or have been made of wrong bytes. Only the hash tells.
//
//ds:todo p2.8
func open(id blob.ID, r segment.Record) ([]byte, error) {
	label, ok := parseLabel(r.Payload)
	if !ok || label != id || r.Kind != kindBlob {
		return nil, fmt.Errorf("%w: %v: another record stands at its place", blob.ErrCorrupt, id)
	}
	b := r.Payload[labelSize:]
	return b, id.Check(b)
}
