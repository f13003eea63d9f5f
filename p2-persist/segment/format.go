package segment

import (
	"encoding/binary"
	"hash/crc32"
)

const (
	magic   = "segment"
	version = 1
)

// castagnoli is the polynomial that processors have an instruction for.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// appendHeader appends the header of a segment of size bytes.
func (h Header) appendHeader(b []byte, size int64) []byte {
	start := len(b)
	b = append(append(b, magic...), version, h.Kind)
	b = binary.LittleEndian.AppendUint64(b, h.First)
	b = binary.LittleEndian.AppendUint64(b, uint64(size))
	b = append(b, 0, 0, 0)
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b[start:], castagnoli))
}

// parseHeader is appendHeader backwards: the size that the segment was made with, and
// whether b is the header of h. The error is ErrVersion, for a header that checks.
func (h Header) parseHeader(b []byte) (size int64, ok bool, err error) {
	if len(b) < HeaderSize || string(b[:len(magic)]) != magic ||
		binary.LittleEndian.Uint32(b[28:]) != crc32.Checksum(b[:28], castagnoli) {
		return 0, false, nil
	}
	if b[7] != version {
		return 0, false, ErrVersion
	}
	size = int64(binary.LittleEndian.Uint64(b[17:]))
	other := Header{Kind: b[8], First: binary.LittleEndian.Uint64(b[9:])}
	return size, other == h && checkSize(size) == nil, nil
}

// head is what stands before a payload.
type head struct {
	kind   Kind
	length int    // of the payload, in bytes
	synced int64  // the offset up to which the file had been synced before
	number uint64 // see Record.Number
	sum    uint32 // CRC-32C of the payload
}

// size is that of the whole record.
func (h *head) size() int64 { return HeadSize + int64(h.length) }

// takes is how many numbers the record takes.
func (h *head) takes() uint64 {
	if h.kind >= Note {
		return 0
	}
	return 1
}

// appendHead appends the head of the record at offset.
func (h Header) appendHead(b []byte, offset int64, r *head) []byte {
	start := len(b)
	b = append(b, 0, 0, 0, 0)
	b = binary.LittleEndian.AppendUint32(b, r.sum)
	b = binary.LittleEndian.AppendUint32(b, uint32(r.length)<<8|uint32(r.kind))
	b = binary.LittleEndian.AppendUint32(b, uint32(r.synced))
	b = binary.LittleEndian.AppendUint64(b, r.number)
	binary.LittleEndian.PutUint32(b[start:], h.checksum(b[start:], offset))
	return b
}

// parseHead is appendHead backwards. It tells whether b begins with the head of a record
// at offset whose number is from low to high. What costs least is tested first: a search
// asks this at every byte.
func (h Header) parseHead(b []byte, offset int64, low, high uint64) (head, bool) {
	if len(b) < HeadSize || b[8] == 0 {
		return head{}, false
	}
	word := binary.LittleEndian.Uint32(b[8:])
	r := head{
		sum:    binary.LittleEndian.Uint32(b[4:]),
		kind:   Kind(word),
		length: int(word >> 8),
		synced: int64(binary.LittleEndian.Uint32(b[12:])),
		number: binary.LittleEndian.Uint64(b[16:]),
	}
	return r, r.number-low <= high-low && r.length <= MaxPayload && HeaderSize <= r.synced && r.synced <= offset &&
		binary.LittleEndian.Uint32(b) == h.checksum(b, offset)
}

// checksum returns the checksum of the head at the beginning of b, of a record at offset.
// It covers what is not in the bytes, by which a head is known to belong here, kind and
// first number of the segment and the offset, and all of the head behind itself: the
// payload's checksum, kind, length, mark and number.
//
//ds:todo p2.6
func (h Header) checksum(b []byte, offset int64) uint32 {
	var salt [17]byte
	salt[0] = h.Kind
	binary.LittleEndian.PutUint64(salt[1:], h.First)
	binary.LittleEndian.PutUint64(salt[9:], uint64(offset))
	return crc32.Update(crc32.Checksum(salt[:], castagnoli), castagnoli, b[4:HeadSize])
}
