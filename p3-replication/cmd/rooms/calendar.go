package main

import (
	"context"
	"fmt"
	"strings"

	"dss.example/common/daemon/cli"
	"dss.example/common/kv"
)

func (a *app) list() *cli.Command {
	return &cli.Command{
		Name: "list", Brief: "print who has which room, in the order of a calendar", Args: "[DAY]",
		Detail:  "A line is day, hour, room, person, and tentative or stable, separated by tabs.",
		Example: "rooms list 2026-11-23",
		Run: func(ctx context.Context, args []string, std cli.Std) error {
			from := prefix
			if len(args) == 1 {
				s, err := parseSlot("any", args[0], "0")
				if err != nil {
					return err
				}
				from = prefix + s.day + "/"
			}
			return a.with(ctx, func(ctx context.Context, c *kv.Client) error {
				stable, err := bookings(ctx, c.With(kv.Prefix), from)
				if err != nil {
					return err
				}
				return a.print(ctx, c, from, stable, std)
			})
		},
	}
}

// bookings returns the writes that made the bookings, by key.
func bookings(ctx context.Context, c *kv.Client, from string) (map[string]kv.Version, error) {
	all := map[string]kv.Version{}
	for item, err := range c.All(ctx, from, kv.PrefixEnd(from)) {
		if err != nil {
			return nil, err
		}
		all[item.Key] = item.Mod
	}
	return all, nil
}

func (a *app) print(ctx context.Context, c *kv.Client, from string, stable map[string]kv.Version, std cli.Std) error {
	for item, err := range c.All(ctx, from, kv.PrefixEnd(from)) {
		if err != nil {
			return err
		}
		s, ok := slotOf(item.Key)
		if !ok {
			continue // not ours
		}
		how := standing(stable[item.Key] == item.Mod)
		if _, err := fmt.Fprintf(std.Out, "%s\t%s:00\t%s\t%s\t%s\n", s.day, s.hour, s.room, item.Value, how); err != nil {
			return err
		}
	}
	return nil
}

func (a *app) lost() *cli.Command {
	return &cli.Command{
		Name: "lost", Brief: "print the bookings that found no room", Example: "rooms lost",
		Detail: "A line is day, hour, room, person, why, and tentative or stable, separated by tabs.",
		Run: func(ctx context.Context, _ []string, std cli.Std) error {
			return a.with(ctx, func(ctx context.Context, c *kv.Client) error {
				var after kv.Version
				for more := true; more; {
					page, err := c.Conflicts(ctx, after, 0)
					if err != nil {
						return err
					}
					for _, conflict := range page.List {
						if err := printLost(std, conflict); err != nil {
							return err
						}
						after = conflict.Write
					}
					more = page.More
				}
				return nil
			})
		},
	}
}

// printLost prints a conflict that was a booking.
func printLost(std cli.Std, c kv.Conflicted) error {
	why := c.Text
	if strings.HasSuffix(why, noRoom) {
		why = noRoom // and not where in the procedure it says so
	}
	for _, op := range c.Then {
		put, ok := op.(kv.Put)
		s, isSlot := slotOf(put.Key)
		if !ok || !isSlot {
			continue
		}
		if _, err := fmt.Fprintf(std.Out, "%s\t%s:00\t%s\t%s\t%s\t%s\n", s.day, s.hour, s.room, put.Value, why, standing(c.Stable)); err != nil {
			return err
		}
	}
	return nil
}
