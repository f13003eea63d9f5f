// Package cli is the command line that every program here shares: package flag
// with the manners that people expect.
//
//   - "-name v", "--name v" and "-name=v" alike, before or after arguments and
//     verbs; what follows "--" is never a flag, nor is a negative number that no
//     flag is named after.
//   - "-h", "--help" and "help VERB" print usage with an example on the standard
//     output and end with 0.
//   - An unknown flag, a bad value, a missing argument: one line on the standard
//     error that names what would be right, and 2.
//   - A verb has flags and help of its own, and takes the program's flags too.
//
// # Exit codes
//
// A script can tell the three outcomes of package kv apart: [Done], [NotDone]
// (definitely not done, or no such key) and [Unknown]; [BadUsage] says that
// nothing was tried. [Code] is the one place where errors become codes.
package cli
