package disk

import "fmt"

var opNames = [...]string{
	Open: "open", Create: "create", Lock: "lock", Read: "read", Write: "write",
	Truncate: "truncate", Preallocate: "preallocate", Sync: "sync", Stat: "stat",
	Close: "close", Rename: "rename", Remove: "remove", MakeDir: "make directory",
	List: "list", SyncDir: "sync directory",
}

// String returns the operation in words.
func (o Op) String() string {
	if o == 0 || int(o) >= len(opNames) {
		return fmt.Sprintf("operation %d", uint8(o))
	}
	return opNames[o]
}

var codeNames = [...]string{
	OK: "ok", NotFound: "no such name", Exists: "name is taken", NoSpace: "disk is full",
	IO: "device failed", Locked: "locked by another", BadName: "bad name",
	BadHandle: "file is not open", BadCall: "call is not allowed", WrongKind: "wrong kind of file",
	Forbidden: "not permitted", TooMany: "too many", Unsupported: "not supported here",
	Dead: "disk is dead",
}

// String returns the code in words.
func (c Code) String() string {
	if int(c) >= len(codeNames) {
		return fmt.Sprintf("code %d", uint8(c))
	}
	return codeNames[c]
}

// Error is String: every code but OK is an error.
func (c Code) Error() string { return c.String() }

// Err returns c as an error, and nil for OK.
func (c Code) Err() error {
	if c == OK {
		return nil
	}
	return c
}

// String returns the call in words, without its data.
func (c Call) String() string {
	s := c.Op.String()
	if c.Name != "" {
		s += fmt.Sprintf(" %q", c.Name)
	}
	if c.Op == Rename {
		s += fmt.Sprintf(" to %q", c.To)
	}
	if c.File != 0 {
		s += fmt.Sprintf(" file %d", c.File)
	}
	switch c.Op {
	case Read:
		s += fmt.Sprintf(", %d bytes at %d", c.Size, c.Offset)
	case Write:
		s += fmt.Sprintf(", %d bytes at %d", len(c.Data), c.Offset)
	case Truncate, Preallocate:
		s += fmt.Sprintf(" to %d bytes", c.Size)
	}
	return s
}
