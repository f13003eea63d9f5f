// Package proto is what the machines of a topology say to each other and are asked: the messages,
// commands and answers of packages probe and overlay, with their bytes. Neither saves anything:
// all that they know they can find out anew.
package proto
