package main

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"dss.example/common/daemon/cli"
)

// slot is a room for an hour.
type slot struct {
	room string
	day  string // as in 2026-11-23
	hour string // 00 to 23
}

// prefix begins the keys of all slots.
const prefix = "room/"

// key is where the booking of a slot stands. Keys are in the order of a calendar.
func (s slot) key() string { return prefix + s.day + "/" + s.hour + "/" + s.room }

func (s slot) String() string { return fmt.Sprintf("%s %s:00 room %s", s.day, s.hour, s.room) }

// slotOf is key backwards.
func slotOf(key string) (slot, bool) {
	parts := strings.Split(strings.TrimPrefix(key, prefix), "/")
	if !strings.HasPrefix(key, prefix) || len(parts) != 3 {
		return slot{}, false
	}
	return slot{day: parts[0], hour: parts[1], room: parts[2]}, true
}

// word is what names rooms and people: it can stand in a key, and in a program between quotes.
var word = regexp.MustCompile(`^[\pL\pN][\pL\pN._-]{0,63}$`)

func parseSlot(room, day, hour string) (slot, error) {
	if !word.MatchString(room) {
		return slot{}, cli.Usagef("room %q: want letters, digits, dots and dashes, at most 64", room)
	}
	if _, err := time.Parse(time.DateOnly, day); err != nil {
		return slot{}, cli.Usagef("day %q: want a date such as 2026-11-23", day)
	}
	at, err := time.Parse("15", hour)
	if err != nil {
		return slot{}, cli.Usagef("hour %q: want 0 to 23", hour)
	}
	return slot{room: room, day: day, hour: at.Format("15")}, nil
}

// parseAlternative reads "ROOM@HOUR", which is on the same day, or "ROOM@DAY@HOUR".
func parseAlternative(text, day string) (slot, error) {
	switch parts := strings.Split(text, "@"); len(parts) {
	case 2:
		return parseSlot(parts[0], day, parts[1])
	case 3:
		return parseSlot(parts[0], parts[1], parts[2])
	}
	return slot{}, cli.Usagef("alternative %q: want ROOM@HOUR, or ROOM@DAY@HOUR", text)
}
