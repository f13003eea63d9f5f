package disk

import "fmt"

// Effect is one thing that a call has done to a disk, which a crash keeps or drops by
// itself: a run of sectors of a write, the growth of a file, one change of a name.
type Effect struct {
	Call   int // the number of the call that did it
	Kind   Kind
	Name   string // of the file, by which it was opened, or what the name was
	To     string // of Renamed
	Offset int64  // of Wrote and Grew; where Cut cuts
	Size   int64  // bytes of Wrote and Grew

	inode    inode
	dir      bool  // inode is a directory
	from, to place // of names
	data     []byte
	left     []inode // the file, or the directories, to be synced before it is durable
	lost     bool    // a sync has failed on it: no later one makes it durable
}

// Kind is what an effect does.
type Kind uint8

// The kinds of effects.
const (
	Wrote   Kind = iota + 1 // bytes, in whole sectors but for the ends; not the size
	Grew                    // the size, with zeros
	Cut                     // the size
	Made                    // a name
	Renamed                 // two names at once
	Removed                 // a name
	Flipped                 // one bit, by Flip; it is durable at once
)

// String tells the effect in words.
func (e Effect) String() string {
	s := fmt.Sprintf("call %d: ", e.Call)
	switch e.Kind {
	case Wrote:
		return s + fmt.Sprintf("bytes %d to %d of %s", e.Offset, e.Offset+e.Size, e.Name)
	case Grew:
		return s + fmt.Sprintf("%s grows from %d to %d bytes", e.Name, e.Offset, e.Offset+e.Size)
	case Cut:
		return s + fmt.Sprintf("%s is cut to %d bytes", e.Name, e.Offset)
	case Made:
		return s + fmt.Sprintf("%s is made", e.Name)
	case Renamed:
		return s + fmt.Sprintf("%s becomes %s", e.Name, e.To)
	case Removed:
		return s + fmt.Sprintf("%s is removed", e.Name)
	}
	return s + fmt.Sprintf("a bit of byte %d of %s flips", e.Offset, e.Name)
}

// durable tells whether all has been synced that the effect waits for.
func (e *Effect) durable() bool { return len(e.left) == 0 }

// follows tells whether the effect must be applied after an earlier one, for both are
// about the same file's bytes or the same name.
func (e *Effect) follows(other *Effect) bool {
	if e.onNames() != other.onNames() {
		return false
	}
	if e.inode == other.inode {
		return true
	}
	return e.onNames() && (touches(e, other.from) || touches(e, other.to))
}

func touches(e *Effect, p place) bool { return p.in != 0 && (p == e.from || p == e.to) }

func (e *Effect) onNames() bool { return e.Kind >= Made && e.Kind <= Removed }
