package head

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"

	"dss.example/common/blob"
	"dss.example/common/cbor"
)

const (
	version = 1
	maxFile = 256 // bytes of a head's file, at most
	sumSize = 4
)

// castagnoli is the table of CRC-32C. Never written.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// encode returns what stands in the file of a head.
func encode(h Head) []byte {
	b := cbor.AppendUint(cbor.AppendArray(nil, 4), version)
	b = cbor.AppendUint(cbor.AppendText(b, h.Name), h.Generation)
	return seal(blob.AppendLink(b, h.ID))
}

// decode is encode backwards, for the file that the head of this name should stand in. It
// returns ErrCorrupt for all else, also for the file of another head.
func decode(name string, b []byte) (Head, error) {
	content, err := unseal(b)
	if err != nil {
		return Head{}, err
	}
	r := cbor.NewReader(content)
	r.Fixed(4)
	readVersion(&r)
	h := Head{Name: r.Text(), Generation: readGeneration(&r), ID: blob.ReadLink(&r)}
	if h.Name != name || h.Generation == None {
		r.Fail("generation %d of %q", h.Generation, h.Name)
	}
	if err := r.Close(); err != nil {
		return Head{}, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	return h, nil
}

// encodeFloor returns what stands in the floor's file.
func encodeFloor(generation uint64) []byte {
	b := cbor.AppendUint(cbor.AppendArray(nil, 2), version)
	return seal(cbor.AppendUint(b, generation))
}

// decodeFloor is encodeFloor backwards. It returns ErrCorrupt for all else.
func decodeFloor(b []byte) (uint64, error) {
	content, err := unseal(b)
	if err != nil {
		return 0, err
	}
	r := cbor.NewReader(content)
	r.Fixed(2)
	readVersion(&r)
	generation := readGeneration(&r)
	if err := r.Close(); err != nil {
		return 0, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	return generation, nil
}

func readVersion(r *cbor.Reader) {
	if v := r.Uint(); v != version {
		r.Fail("version %d, want %d", v, version)
	}
}

func readGeneration(r *cbor.Reader) uint64 {
	n := r.Uint()
	if n > maxGeneration {
		r.Fail("generation %d", n)
	}
	return n
}

// seal appends the checksum of a file's content.
func seal(content []byte) []byte {
	return binary.BigEndian.AppendUint32(content, crc32.Checksum(content, castagnoli))
}

// unseal returns the content of a file whose checksum is right, and else ErrCorrupt.
func unseal(b []byte) ([]byte, error) {
	at := len(b) - sumSize
	if at < 0 || crc32.Checksum(b[:at], castagnoli) != binary.BigEndian.Uint32(b[at:]) {
		return nil, fmt.Errorf("%w: wrong checksum", ErrCorrupt)
	}
	return b[:at], nil
}
