// Package proto holds what servers of package bayou exchange, save and agree on: writes,
// messages, records and their encodings. Decoders treat their input as hostile.
package proto
