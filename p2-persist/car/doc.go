// Package car carries blobs from one store to another in one file or stream, in the
// format that IPLD's tools read and write: CAR version 1
// (https://ipld.io/specs/transport/car/carv1/).
//
//	CAR    = section(header) section(block) section(block) …
//	section(x) = length of x as a varint, x
//	header = {"roots": [link, …], "version": 1} in DAG-CBOR
//	block  = ID, bytes of the blob
//
// A varint has seven bits a byte, the lowest first, and the highest bit of every byte but
// the last set. One number has one varint: no byte of zeros at the end.
//
// The file says of itself where it begins (the roots), but not whether all that they lead
// to is in it: history.Mark tells that, in the store where it was imported.
//
// Whatever is read was checked: lengths before anything is read or allocated, each
// block against its ID, and that an object is one. What cannot be a blob here (another
// hash, another codec) is refused, with its position, as is every other byte that a
// Writer would not have written. One block is in memory at a time.
package car
