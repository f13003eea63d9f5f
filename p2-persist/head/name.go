package head

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// filePrefix begins the names of heads' files, so that none is a device's ("con"), a
// temporary file's or that of the lock.
const filePrefix = "head-"

const hexDigits = "0123456789abcdef"

// CheckName returns an error that wraps ErrBadName and says what would be right if a head
// cannot have the name. A name is UTF-8 of 1 to MaxName bytes that all can be printed:
// "main", "tag/v1.0", "Größe". What it looks like to the disk does not matter.
func CheckName(name string) error {
	switch {
	case name == "":
		return fmt.Errorf("%w: it is empty", ErrBadName)
	case len(name) > MaxName:
		return fmt.Errorf("%w: %d bytes, want at most %d", ErrBadName, len(name), MaxName)
	case !utf8.ValidString(name):
		return fmt.Errorf("%w: %q is not UTF-8", ErrBadName, name)
	}
	for _, r := range name {
		if !unicode.IsPrint(r) {
			return fmt.Errorf("%w: %q holds the character %q, which cannot be printed", ErrBadName, name, r)
		}
	}
	return nil
}

// fileName returns the name of a head's file: different ones for different names, also
// where upper and lower case are one.
func fileName(name string) string {
	var b strings.Builder
	b.WriteString(filePrefix)
	for i := range len(name) {
		c := name[i]
		if isPlain(c) {
			b.WriteByte(c)
		} else {
			b.Write([]byte{'%', hexDigits[c>>4], hexDigits[c&15]})
		}
	}
	return b.String()
}

func isPlain(c byte) bool {
	return 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '-' || c == '_'
}

// headName is fileName backwards. It tells whether the file is one that fileName names.
func headName(file string) (name string, ok bool) {
	rest, ok := strings.CutPrefix(file, filePrefix)
	if !ok {
		return "", false
	}
	var b strings.Builder
	for len(rest) > 0 {
		c := rest[0]
		if c == '%' && len(rest) >= 3 {
			high, low := strings.IndexByte(hexDigits, rest[1]), strings.IndexByte(hexDigits, rest[2])
			c, rest = byte(high<<4|low), rest[2:]
		}
		b.WriteByte(c)
		rest = rest[1:]
	}
	name = b.String()
	return name, CheckName(name) == nil && fileName(name) == file
}
