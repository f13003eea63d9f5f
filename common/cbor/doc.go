// Package cbor writes and reads the canonical subset of CBOR (RFC 8949) that
// every message, record and blob of this workspace is made of.
//
// It is pure: no reflection, no I/O, no state between calls. Cores import it to
// give their messages bytes; wire and object import it to refuse hostile ones.
//
// # The subset
//
// One value has one encoding (RFC 8949 section 4.2.1, core deterministic):
//
//   - integers, lengths and tags use the shortest head;
//   - strings, arrays and maps have definite lengths;
//   - text is valid UTF-8;
//   - map keys are integers or strings, sorted by their encoded bytes, without
//     duplicates;
//   - floats are 64 bits wide and finite (the DAG-CBOR rule);
//   - false, true and null are the only simple values;
//   - nesting is bounded.
//
// [Scan] checks all of that for bytes from a stranger in one pass that
// allocates nothing. [Reader] takes a message apart field by field and checks as
// it goes; the Append functions put one together. Whatever they write, Scan
// accepts; a fuzz target holds both against fxamacker/cbor.
package cbor
