package vector

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Server is a replica's name: a path of the times at which it and its ancestors were created,
// eight big-endian bytes a level. Names compare as strings: a parent comes before its
// children. The empty Server is nobody.
type Server string

// Root is the first server of a database, the ancestor of all others.
const Root Server = "\x00\x00\x00\x00\x00\x00\x00\x00"

// MaxDepth bounds the levels of a name, Root's included.
const MaxDepth = 16

const levelBytes = 8

// ErrServer is what names wrap that no server can have.
var ErrServer = errors.New("not a server's name")

// Child returns the name of the server that s creates with the write that it accepts at time
// t. The error wraps ErrServer: s is no name, t is not in 1 to MaxTime, or s is at MaxDepth
// and can create no more servers.
func (s Server) Child(t uint64) (Server, error) {
	switch {
	case !s.Valid():
		return "", fmt.Errorf("%w: a child of %v, which is none itself", ErrServer, s)
	case t == 0 || t > MaxTime:
		return "", fmt.Errorf("%w: a child of %v at time %d: want 1 to %d", ErrServer, s, t, uint64(MaxTime))
	case len(s) == MaxDepth*levelBytes:
		return "", fmt.Errorf("%w: a child of %v, which is at the last of %d levels", ErrServer, s, MaxDepth)
	}
	var level [levelBytes]byte
	binary.BigEndian.PutUint64(level[:], t)
	return s + Server(level[:]), nil
}

// Parent returns who created s and at what time. ok is false for Root, which nobody created,
// and for what is no name.
func (s Server) Parent() (parent Server, t uint64, ok bool) {
	if s == Root || !s.Valid() {
		return "", 0, false
	}
	end := len(s) - levelBytes
	return s[:end], s.level(end), true
}

// Born returns the stamp of the write that created s: the zero Stamp for Root, which nobody
// created, and for what is no name.
func (s Server) Born() Stamp {
	parent, t, _ := s.Parent()
	return Stamp{Time: t, Server: parent}
}

// Valid tells whether s is a name: Root, or what Child makes of one.
func (s Server) Valid() bool {
	if len(s)%levelBytes != 0 || len(s) > MaxDepth*levelBytes || !strings.HasPrefix(string(s), string(Root)) {
		return false
	}
	for at := levelBytes; at < len(s); at += levelBytes {
		if t := s.level(at); t == 0 || t > MaxTime {
			return false
		}
	}
	return true
}

// level reads the time whose bytes begin at an offset.
func (s Server) level(at int) (t uint64) {
	for _, c := range []byte(s[at : at+levelBytes]) {
		t = t<<8 | uint64(c)
	}
	return t
}

// String writes a name as its levels: "0", "0.5", "0.5.9". Nobody is "-", and what is no name
// its bytes in hexadecimal, which ParseServer refuses.
func (s Server) String() string {
	switch {
	case s == "":
		return "-"
	case !s.Valid():
		return fmt.Sprintf("?%x", string(s))
	}
	text := []byte("0")
	for at := levelBytes; at < len(s); at += levelBytes {
		text = strconv.AppendUint(append(text, '.'), s.level(at), 10)
	}
	return string(text)
}

// ParseServer is String backwards for names. Its errors wrap ErrServer.
func ParseServer(text string) (Server, error) {
	s := Root
	first, rest, more := strings.Cut(text, ".")
	if first != "0" {
		return "", fmt.Errorf("%w: %q: want 0, or 0 and times, like 0.5.9", ErrServer, text)
	}
	for more {
		first, rest, more = strings.Cut(rest, ".")
		t, err := strconv.ParseUint(first, 10, 64)
		if err != nil || strconv.FormatUint(t, 10) != first {
			return "", fmt.Errorf("%w: %q: %q is no time", ErrServer, text, first)
		}
		if s, err = s.Child(t); err != nil {
			return "", fmt.Errorf("%q: %w", text, err)
		}
	}
	return s, nil
}
