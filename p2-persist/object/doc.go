// Package object is how a Go value becomes a blob and comes back: one strict codec for
// DAG-CBOR (https://ipld.io/specs/codecs/dag-cbor/spec/). It is a core: pure, without
// clock or goroutine.
//
// A blob's name is the hash of its bytes, so an object must have one encoding only:
// written twice it must be stored once, and nobody may find a second name for it.
// Therefore [Encode] has no options, and [Check] refuses all that Encode would not write.
//
// # The profile
//
// The canonical subset of package cbor (shortest heads, definite lengths, sorted keys,
// valid UTF-8, 64-bit finite floats, no simple values but false, true and null), and:
//
//   - map keys are text, shorter ones first, those of one length by their bytes. That is
//     the order of the encoded keys too, because a longer text has a greater head;
//   - integers fit an int64 or a uint64;
//   - the only tag is 42, a link: around a byte string of 0x00 and a blob.ID;
//   - at most 4 MiB, 16 levels and 131,072 items.
//
// It is narrower than DAG-CBOR, which has negative integers of 65 bits and links with
// other hashes and codecs. What we write, every DAG-CBOR reader accepts. Zero and
// negative zero are two values, as there.
//
// # Go values
//
// A struct is a map of its exported fields, under the names that their tags give
// (cbor:"name"), an ID in it a link.
//
//   - A field is always there; with the option omitempty or omitzero it is there if and
//     only if it is not empty, or not zero.
//   - A nil slice or map is an empty one. A nil pointer is null.
//   - The width of an integer leaves no trace. A float is a float64: another has no
//     encoding, nor have NaN and the infinities, text that is not UTF-8, maps with
//     keys that are no text.
//   - A time is an int64 of nanoseconds since 1970 UTC. A time.Time has no encoding
//     (unless it is zero, which is null): it would drag its zone along.
//   - In an any, objects are map[any]any, positive integers uint64, links cbor.Tag.
//     Who wants to look at any object takes [Links], [Diagnose] or [Dump].
//
// [Decode] reads an object into a Go value and accepts it only if the value would be
// written as the same bytes. So nothing is lost by reading, nothing is added, and no
// field takes a thing for another that happens to fit.
//
// # Evolution
//
// Blobs are for ever, programs are not. By convention an object's field "v" is the
// version of its schema, from 1 on; [Version] reads it without knowing the rest.
//
//   - A field that is added later is optional (omitempty, omitzero): then new programs
//     read old objects.
//   - Old programs refuse objects with fields they do not know, because they would lose
//     them when they write the object again. A type that has an [Extra] keeps them
//     instead: then old programs read new objects, and pass on what they do not
//     understand.
//   - What changes the meaning of a field gets a new version, and a type of its own.
package object
