package disk

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// CheckName tells whether a path is a name on every system, and the same one: it returns
// an error that wraps BadName and says what is wrong with it, or nil.
//
// A path is "." for the tree's own directory, or elements with "/" between them. It is
// UTF-8 of at most MaxPath bytes, each element of 1 to MaxName. No element is "." or "..",
// ends in a dot or a space, holds a control character or one of \ : * ? " < > |, or is a
// name that some systems keep for a device (con, nul.txt, com1).
func CheckName(path string) error {
	switch {
	case path == ".":
		return nil
	case path == "":
		return badName(path, "it is empty")
	case len(path) > MaxPath:
		return badName(path, fmt.Sprintf("%d bytes, at most %d", len(path), MaxPath))
	case !utf8.ValidString(path):
		return badName(path, "it is not UTF-8")
	case path[0] == '/':
		return badName(path, "it is absolute")
	}
	for rest, more := path, true; more; {
		var element string
		element, rest, more = strings.Cut(rest, "/")
		if why := wrongWith(element); why != "" {
			return badName(path, why)
		}
	}
	return nil
}

func badName(path, why string) error {
	const shown = 64 // bytes of a path that may be a stranger's
	if len(path) > shown {
		path = path[:shown] + "…"
	}
	return fmt.Errorf("%w %q: %s", BadName, path, why)
}

// wrongWith tells why an element of a path is none, or "".
func wrongWith(element string) string {
	switch {
	case element == "":
		return "an element is empty"
	case len(element) > MaxName:
		return fmt.Sprintf("an element of %d bytes, at most %d", len(element), MaxName)
	case strings.Trim(element, ".") == "":
		return "an element of dots only"
	}
	switch element[len(element)-1] {
	case '.', ' ':
		return "an element ends in a dot or a space"
	}
	for i := range len(element) {
		if c := element[i]; c < 0x20 || c == 0x7f || strings.IndexByte(`\:*?"<>|`, c) >= 0 {
			return fmt.Sprintf("the character %q", c)
		}
	}
	if isDevice(element) {
		return "some systems keep it for a device"
	}
	return ""
}

// isDevice tells whether Windows takes the element for a device, whatever follows a dot.
func isDevice(element string) bool {
	stem, _, _ := strings.Cut(element, ".")
	stem = strings.ToLower(strings.TrimRight(stem, " "))
	switch stem {
	case "con", "prn", "aux", "nul", "conin$", "conout$":
		return true
	}
	port, ok := strings.CutPrefix(stem, "com")
	if !ok {
		port, ok = strings.CutPrefix(stem, "lpt")
	}
	switch port {
	case "0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "¹", "²", "³":
		return ok
	}
	return false
}

// split returns the directory and the last element of a path that is not ".".
func split(path string) (dir, element string) {
	if i := strings.LastIndexByte(path, '/'); i >= 0 {
		return path[:i], path[i+1:]
	}
	return ".", path
}

// join is split backwards.
func join(dir, element string) string {
	if dir == "." {
		return element
	}
	return dir + "/" + element
}
