// Package snapshot turns the state of a replica into pieces, for its disk and for those who
// lag, and pieces back into the state.
//
// Piece 0 is what a replica has to know beside its service: the log's time, which commands
// were executed, the groups. Then come the pairs of the service, and the last piece is the
// SHA-256 of all bodies before it.
package snapshot
