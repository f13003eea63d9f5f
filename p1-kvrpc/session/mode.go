package session

import "fmt"

var modeNames = [...]string{"exactly-once", "at-most-once", "at-least-once"}

// String returns the mode's name, as ParseMode reads it.
func (m Mode) String() string {
	if int(m) < len(modeNames) {
		return modeNames[m]
	}
	return fmt.Sprintf("mode %d", uint8(m))
}

// ParseMode is String backwards.
func ParseMode(s string) (Mode, error) {
	for i, name := range modeNames {
		if s == name {
			return Mode(i), nil
		}
	}
	return 0, fmt.Errorf("mode %q: want exactly-once, at-most-once or at-least-once", s)
}
