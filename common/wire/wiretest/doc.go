// Package wiretest is what tests of the wire share: frames put together and taken
// apart by hand, so that package wire is not its own judge, a talk with a server in
// such frames, and certificates for TLS, good ones and those that must be refused.
package wiretest
