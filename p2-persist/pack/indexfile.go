package pack

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"maps"
	"slices"

	"dss.example/common/blob"
	"dss.example/p2-persist/segment"
)

// An index file, numbers little-endian:
//
//	magic 8 · pack 4 · entries 4 · bytes used 8 · records lost 8 · entries in order of
//	IDs, each {ID 36 · offset 4 · size 4 · state 1} · CRC-32C of all that 4
const (
	indexMagic   = "packidx\x01"
	indexHead    = 32
	indexEntry   = blob.IDSize + 9
	maxIndexFile = indexHead + 4 + indexEntry*(segment.MaxSize/(segment.HeadSize+labelSize))
)

// summary is what an index file holds.
type summary struct {
	contents contents
	used     int64  // bytes of records
	lost     uint64 // records damaged beyond recognition
}

// encodeIndex returns the index file of a pack.
func encodeIndex(pack uint32, s summary) []byte {
	b := make([]byte, 0, indexHead+indexEntry*len(s.contents)+4)
	b = binary.LittleEndian.AppendUint32(append(b, indexMagic...), pack)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(s.contents)))
	b = binary.LittleEndian.AppendUint64(b, uint64(s.used))
	b = binary.LittleEndian.AppendUint64(b, s.lost)
	for _, id := range slices.SortedFunc(maps.Keys(s.contents), blob.ID.Compare) {
		r := s.contents[id]
		b = binary.LittleEndian.AppendUint32(append(b, id[:]...), r.offset)
		b = binary.LittleEndian.AppendUint32(b, r.size)
		b = append(b, byte(r.state))
	}
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

// decodeIndex is encodeIndex backwards: it refuses everything else, and the index file of
// another pack.
func decodeIndex(pack uint32, b []byte) (summary, error) {
	end := len(b) - 4
	if end < indexHead || string(b[:8]) != indexMagic ||
		binary.LittleEndian.Uint32(b[end:]) != crc32.Checksum(b[:end], castagnoli) {
		return summary{}, fmt.Errorf("%w: index file: wrong checksum", blob.ErrCorrupt)
	}
	n := int(binary.LittleEndian.Uint32(b[12:]))
	s := summary{
		contents: make(contents, min(n, end/indexEntry)),
		used:     int64(binary.LittleEndian.Uint64(b[16:])),
		lost:     binary.LittleEndian.Uint64(b[24:]),
	}
	if binary.LittleEndian.Uint32(b[8:]) != pack || end != indexHead+n*indexEntry || s.used < 0 || s.used > segment.MaxSize {
		return summary{}, fmt.Errorf("%w: index file: not that of pack %d", blob.ErrCorrupt, pack)
	}
	last := blob.ID{}
	for at := indexHead; at < end; at += indexEntry {
		r, ok := decodeEntry(b[at:])
		if !ok || r.id.Compare(last) <= 0 {
			return summary{}, fmt.Errorf("%w: index file: entry at %d", blob.ErrCorrupt, at)
		}
		s.contents[r.id], last = r, r.id
	}
	return s, nil
}

func decodeEntry(b []byte) (record, bool) {
	r := record{
		id:     blob.ID(b[:blob.IDSize]),
		offset: binary.LittleEndian.Uint32(b[blob.IDSize:]),
		size:   binary.LittleEndian.Uint32(b[blob.IDSize+4:]),
		state:  state(b[blob.IDSize+8]),
	}
	return r, r.id.Validate() == nil && r.size <= blob.MaxSize && r.state <= damaged &&
		r.offset >= segment.HeaderSize && int64(r.offset)+recordSize(r.size) <= segment.MaxSize
}
