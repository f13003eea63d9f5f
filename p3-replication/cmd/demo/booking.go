//go:build unix

package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"dss.example/common/demo"
)

// The bookings. In the west each hour of room 101 is taken; meanwhile the others take the same
// hours of it, with room 102 to fall back on; and at the first hours somebody there has room 102
// already when those come to need it, and nowhere else to go.
const (
	day       = "2026-11-23"
	opens     = 8
	closes    = 18
	crowded   = 2 // hours at which room 102 is wanted, too
	roomsTime = "60s"
)

// book books a room with cmd/rooms, and returns what that has said.
func (s *stage) book(ctx context.Context, id int, args ...string) (string, error) {
	s.asked.Add(1)
	return s.Run(ctx, s.rooms, append([]string{"-s", s.group.Addrs(id)[0], "-timeout", roomsTime}, args...)...)
}

// bookWest books room 101 at replica 2.
func (s *stage) bookWest(ctx context.Context) error {
	for hour := opens; hour < closes; hour++ {
		if _, err := s.book(ctx, 2, "book", "101", day, fmt.Sprint(hour), fmt.Sprintf("West-%02d", hour)); err != nil {
			return err
		}
	}
	return nil
}

// bookOthers books the same, and more, on the other side.
func (s *stage) bookOthers(ctx context.Context) error {
	for hour := opens; hour < closes; hour++ {
		at := fmt.Sprint(hour)
		if _, err := s.book(ctx, booker, "book", "-or", "102@"+at, "101", day, at, fmt.Sprintf("East-%02d", hour)); err != nil {
			return err
		}
		if hour >= opens+crowded {
			continue
		}
		if _, err := s.book(ctx, booker, "book", "102", day, at, fmt.Sprintf("Late-%02d", hour)); err != nil {
			return err
		}
	}
	return nil
}

// calendar is what rooms list prints when all have agreed: nobody is in two rooms, no room has
// two people, and nobody who had a room in the west was moved.
func calendar() string {
	var b strings.Builder
	for hour := opens; hour < closes; hour++ {
		fmt.Fprintf(&b, "%s\t%02d:00\t101\tWest-%02d\tstable\n", day, hour, hour)
		fmt.Fprintf(&b, "%s\t%02d:00\t102\tEast-%02d\tstable\n", day, hour, hour)
	}
	return b.String()
}

// losses is what rooms lost prints then.
func losses() string {
	var b strings.Builder
	for hour := opens; hour < opens+crowded; hour++ {
		fmt.Fprintf(&b, "%s\t%02d:00\t102\tLate-%02d\tno room is free\tstable\n", day, hour, hour)
	}
	return b.String()
}

// tellBookings says how a morning looks at both sides while they are parted.
func (s *stage) tellBookings(ctx context.Context) error {
	for _, id := range []int{2, booker} {
		list, err := s.book(ctx, id, "list", day)
		if err != nil {
			return err
		}
		s.Say("the first hour as replica %d has it:", id)
		s.Say("%s", hourOf(list, opens))
	}
	return nil
}

// hourOf is what a calendar has at an hour.
func hourOf(list string, hour int) string {
	var lines []string
	for line := range strings.Lines(list) {
		if strings.Contains(line, fmt.Sprintf("\t%02d:00\t", hour)) {
			lines = append(lines, "  "+strings.TrimRight(line, "\n"))
		}
	}
	return strings.Join(lines, "\n")
}

// checkBookings compares the calendar, and who has lost, at every replica.
func (s *stage) checkBookings(ctx context.Context) error {
	row := demo.Row{
		What:   fmt.Sprintf("room 101 was booked twice at %d hours", closes-opens),
		Broken: "the replicas could not speak",
		Note:   fmt.Sprintf("%d moved to 102 by their merge procedures, %d lost, at all five alike", closes-opens, crowded),
	}
	for _, id := range anybody {
		list, err := s.book(ctx, id, "list", day)
		lost, err2 := s.book(ctx, id, "lost")
		if err := errors.Join(err, err2); err != nil {
			return err
		}
		if row.Err == nil {
			row.Err = errors.Join(alike(id, "calendar", list, calendar()), alike(id, "list of lost bookings", lost, losses()))
		}
		if id == booker {
			s.Say("the first hour as replica %d has it now:\n%s", id, hourOf(list, opens))
		}
	}
	s.Row(row)
	return nil
}

func alike(id int, what, got, want string) error {
	if got == want {
		return nil
	}
	return fmt.Errorf("replica %d has another %s:\n%swant:\n%s", id, what, got, want)
}
