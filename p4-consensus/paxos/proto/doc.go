// Package proto holds what replicas of a replicated log say to each other and keep on
// their disks: ballots, groups, values, messages, records, and the bytes of each.
//
// Encodings are CBOR sequences whose first item is the kind. Decoders take their input for
// hostile: what AppendTo would not have written is refused with an error that wraps
// cbor.ErrMalformed, before memory is taken for it.
package proto
