package blob

import (
	"bytes"
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"strings"

	"dss.example/common/cbor"
)

// Codec says what the bytes of a blob are (multicodec).
type Codec uint8

// The codecs that have blobs here.
const (
	Raw     Codec = 0x55 // any bytes
	DAGCBOR Codec = 0x71 // one object in canonical DAG-CBOR, see p2-persist/object
)

// String returns the codec's name in the multicodec table.
func (c Codec) String() string {
	switch c {
	case Raw:
		return "raw"
	case DAGCBOR:
		return "dag-cbor"
	}
	return fmt.Sprintf("codec 0x%02x", uint8(c))
}

// ID is the name of a blob: a binary CIDv1 (https://github.com/multiformats/cid) of a
// SHA-256 of its bytes. Blobs with the same bytes and different codecs have different
// IDs. IDs are ordered by their bytes. The zero ID names nothing.
type ID [IDSize]byte

// IDSize is the length of an ID in bytes: version, codec, hash function, length of the
// hash, hash.
const IDSize = 4 + 32

// TextSize is the length of an ID as text: "b" and base32 without padding.
const TextSize = 1 + (IDSize*8+4)/5

// base32Text is RFC 4648's base32 in lower case and without padding.
var base32Text = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// What stands in the first bytes of every ID, beside the codec.
const (
	version    = 1
	hashSHA256 = 0x12
)

// tagLink is the tag that makes a byte string a link (DAG-CBOR), and rawBinary the
// multibase prefix that stands in front of the ID in it.
const (
	tagLink   = 42
	rawBinary = 0x00
	linkSize  = 2 + 2 + 1 + IDSize // the heads of tag and byte string, the prefix, the ID
)

// Sum returns the ID of b. With a codec that is none of those above it is an ID that
// no store takes.
func Sum(codec Codec, b []byte) ID {
	id := ID{version, byte(codec), hashSHA256, sha256.Size}
	hash := sha256.Sum256(b)
	copy(id[IDSize-sha256.Size:], hash[:])
	return id
}

// Codec returns what the bytes of the blob are said to be.
func (id ID) Codec() Codec { return Codec(id[1]) }

// IsZero reports whether id names nothing.
func (id ID) IsZero() bool { return id == ID{} }

// Compare orders IDs by their bytes: -1, 0 or +1.
func (id ID) Compare(other ID) int { return bytes.Compare(id[:], other[:]) }

// Check returns nil if b is what id names, and else ErrCorrupt. It is the one test that
// bytes from a disk or a stranger must pass, so it hashes all of b.
func (id ID) Check(b []byte) error {
	if Sum(id.Codec(), b) != id {
		return fmt.Errorf("%w: %v: %d bytes that are not it", ErrCorrupt, id, len(b))
	}
	return nil
}

// Validate returns nil if id is a name that a blob can have, and else ErrBadID with what
// would be right.
func (id ID) Validate() error {
	switch {
	case id.IsZero():
		return badID("it is all zeros: no blob was named")
	case id[0] != version:
		return badID("CID version %d, want %d", id[0], version)
	case id.Codec() != Raw && id.Codec() != DAGCBOR:
		return badID("%v, want %v (0x%02x) or %v (0x%02x)", id.Codec(), Raw, uint8(Raw), DAGCBOR, uint8(DAGCBOR))
	case id[2] != hashSHA256:
		return badID("hash function 0x%02x, want sha2-256 (0x%02x)", id[2], hashSHA256)
	case id[3] != sha256.Size:
		return badID("hash of %d bytes, want %d", id[3], sha256.Size)
	}
	return nil
}

// ParseBytes reads an ID from its bytes. It returns ErrBadID for any others.
func ParseBytes(b []byte) (ID, error) {
	if len(b) != IDSize {
		return ID{}, badID("%d bytes, want %d", len(b), IDSize)
	}
	id := ID(b)
	if err := id.Validate(); err != nil {
		return ID{}, err
	}
	return id, nil
}

// String returns the ID as text, the form that IPLD's tools print and read: multibase
// prefix "b", then lower-case base32. It is TextSize bytes long and fit for a file name.
func (id ID) String() string { return "b" + base32Text.EncodeToString(id[:]) }

// Parse reads what String has written. Of the many texts that a CID may have elsewhere
// it takes this one only, so that one blob has one name; for others it returns ErrBadID
// with what would be right.
func Parse(s string) (ID, error) {
	switch {
	case len(s) != TextSize:
		return ID{}, badID("text of %d bytes, want %d%s", len(s), TextSize, hint(s))
	case strings.ToLower(s) != s:
		return ID{}, badID("upper case in %q, want lower case", s)
	case s[0] != 'b':
		return ID{}, badID("multibase prefix %q, want 'b' (base32)", s[:1])
	}
	b, err := base32Text.DecodeString(s[1:])
	if err != nil {
		return ID{}, badID("%q is not base32 (a to z, 2 to 7)", s)
	}
	id, err := ParseBytes(b)
	if err != nil {
		return ID{}, err
	}
	if id.String() != s {
		return ID{}, badID("%q has bits left over at its end", s)
	}
	return id, nil
}

// hint explains a text of the wrong length that is a CID all the same.
func hint(s string) string {
	if len(s) == 46 && strings.HasPrefix(s, "Qm") {
		return ": this is a CID of version 0, want version 1 in base32"
	}
	return ""
}

// MarshalText implements encoding.TextMarshaler by String. It refuses what is no name.
func (id ID) MarshalText() ([]byte, error) {
	if err := id.Validate(); err != nil {
		return nil, err
	}
	return []byte(id.String()), nil
}

// UnmarshalText implements encoding.TextUnmarshaler by Parse.
func (id *ID) UnmarshalText(text []byte) (err error) {
	*id, err = Parse(string(text))
	return err
}

// MarshalCBOR makes an ID a link in every object that is encoded by fxamacker/cbor:
// tag 42 around a byte string of 0x00 and the ID (DAG-CBOR). It refuses what is no name;
// a link that may be missing is a pointer, or a field with the option omitzero.
func (id ID) MarshalCBOR() ([]byte, error) {
	if err := id.Validate(); err != nil {
		return nil, err
	}
	return AppendLink(make([]byte, 0, linkSize), id), nil
}

// UnmarshalCBOR reads what MarshalCBOR has written. It returns ErrBadID for anything
// else.
func (id *ID) UnmarshalCBOR(b []byte) error {
	r := cbor.NewReader(b)
	link := ReadLink(&r)
	if err := r.Close(); err != nil {
		return badID("not a link: %v", err)
	}
	*id = link
	return nil
}

// AppendLink appends id as a link, for those who write their objects by hand. id must
// be valid: no reader takes another.
func AppendLink(b []byte, id ID) []byte {
	var content [1 + IDSize]byte
	content[0] = rawBinary
	copy(content[1:], id[:])
	return cbor.AppendBytes(cbor.AppendTag(b, tagLink), content[:])
}

// ReadLink reads a link. If there is none, or it holds no valid ID, it returns the zero
// ID and r has failed.
func ReadLink(r *cbor.Reader) ID {
	if tag := r.Tag(); r.Err() == nil && tag != tagLink {
		r.Fail("tag %d, want %d (a link)", tag, tagLink)
	}
	b := r.Bytes()
	if r.Err() != nil {
		return ID{}
	}
	if len(b) == 0 || b[0] != rawBinary {
		r.Fail("link does not begin with 0x00")
		return ID{}
	}
	id, err := ParseBytes(b[1:])
	if err != nil {
		r.Fail("link: %v", err)
	}
	return id
}

func badID(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrBadID, fmt.Sprintf(format, args...))
}
