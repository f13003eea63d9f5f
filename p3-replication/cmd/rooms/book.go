package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"strings"

	"dss.example/common/daemon/cli"
	"dss.example/common/kv"
)

// maxAlternatives bounds what a booking tries.
const maxAlternatives = 20

func (a *app) book() *cli.Command {
	var alternatives []string
	return &cli.Command{
		Name: "book", Brief: "book a room for an hour", Args: "ROOM DAY HOUR WHO",
		Detail: `Where the room is taken already, now or when the replicas meet, the first alternative
that is free is taken instead; if there is none the booking is lost, and rooms lost tells so.`,
		Example: "rooms book 101 2026-11-23 14 Ada\nrooms book -or 102@14 -or 101@15 101 2026-11-23 14 Ada",
		Flags: func(f *flag.FlagSet) {
			alternatives = nil
			f.Func("or", "take `ROOM@HOUR` (or ROOM@DAY@HOUR) instead; may be given again", func(s string) error {
				alternatives = append(alternatives, s)
				return nil
			})
		},
		Run: func(ctx context.Context, args []string, std cli.Std) error {
			want, others, who, err := parseBooking(args, alternatives)
			if err != nil {
				return err
			}
			return a.with(ctx, func(ctx context.Context, c *kv.Client) error {
				resp, err := c.Do(ctx, kv.Request{Op: booking(want, others, who)})
				if err != nil {
					return err
				}
				return told(ctx, c, std, want, others, who, resp)
			})
		},
	}
}

func parseBooking(args, alternatives []string) (want slot, others []slot, who string, err error) {
	if want, err = parseSlot(args[0], args[1], args[2]); err != nil {
		return want, nil, "", err
	}
	if who = args[3]; !word.MatchString(who) {
		return want, nil, "", cli.Usagef("name %q: want letters, digits, dots and dashes, at most 64", who)
	}
	if len(alternatives) > maxAlternatives {
		return want, nil, "", cli.Usagef("%d alternatives: want at most %d", len(alternatives), maxAlternatives)
	}
	for _, text := range alternatives {
		other, err := parseAlternative(text, want.day)
		if err != nil {
			return want, nil, "", err
		}
		others = append(others, other)
	}
	return want, others, who, nil
}

// booking is a write that takes a slot if it is free at the write's place in the order, or else
// the first of the others that is.
func booking(want slot, others []slot, who string) kv.Guarded {
	return kv.Guarded{
		If:   fmt.Sprintf("db.get(%q) == None", want.key()),
		Then: []kv.Op{kv.Put{Key: want.key(), Value: []byte(who)}},
		Else: procedure(others),
	}
}

// procedure is the merge procedure of a booking.
func procedure(others []slot) string {
	var keys strings.Builder
	for _, s := range others {
		fmt.Fprintf(&keys, "%q, ", s.key())
	}
	return `def merge(db, update):
    for key in [` + strings.TrimSuffix(keys.String(), ", ") + `]:
        if db.get(key) == None:
            db.put(key, update[0].value)
            return
    fail("` + noRoom + `")
`
}

// noRoom is what a booking says that is lost.
const noRoom = "no room is free"

// told says what became of a booking so far.
func told(ctx context.Context, c *kv.Client, std cli.Std, want slot, others []slot, who string, resp *kv.Response) error {
	got := want
	switch resp.Result.(kv.GuardedResult).Fate {
	case kv.Unresolved:
		return undone(resp, "%v and all its alternatives are taken", want)
	case kv.Merged:
		for _, other := range others {
			if item, err := c.Get(ctx, other.key()); err == nil && item.Mod == resp.Rev {
				got = other
			}
		}
	}
	_, err := fmt.Fprintf(std.Out, "booked %v for %s, %s (booking %v)\n", got, who, standing(resp.Stable), resp.Rev)
	return err
}

// errLost is a booking that has found nothing, for good.
var errLost = errors.New("not done")

// undone is the error of a write that could not be done. One that is tentative may come before
// what is in its way: then nobody knows yet.
func undone(resp *kv.Response, format string, args ...any) error {
	why := fmt.Sprintf(format, args...)
	if resp.Stable {
		return fmt.Errorf("%w: %s (booking %v)", errLost, why, resp.Rev)
	}
	return fmt.Errorf("%w: %s so far, tentative (booking %v)", kv.ErrMaybe, why, resp.Rev)
}

func standing(stable bool) string {
	if stable {
		return "stable"
	}
	return "tentative"
}

func (a *app) cancel() *cli.Command {
	return &cli.Command{
		Name: "cancel", Brief: "give a booking up, if it is still that person's", Args: "ROOM DAY HOUR WHO",
		Example: "rooms cancel 101 2026-11-23 14 Ada",
		Run: func(ctx context.Context, args []string, std cli.Std) error {
			s, _, who, err := parseBooking(args, nil)
			if err != nil {
				return err
			}
			op := kv.Guarded{
				If:   fmt.Sprintf("db.get(%q) == %q", s.key(), who),
				Then: []kv.Op{kv.Delete{Key: s.key()}},
				Else: "def merge(db, update):\n    fail(\"it is somebody else's, or nobody's\")\n",
			}
			return a.with(ctx, func(ctx context.Context, c *kv.Client) error {
				resp, err := c.Do(ctx, kv.Request{Op: op})
				switch {
				case err != nil:
					return err
				case resp.Result.(kv.GuardedResult).Fate == kv.Unresolved:
					return undone(resp, "%v is not %s's", s, who)
				}
				_, err = fmt.Fprintf(std.Out, "%v is free, %s\n", s, standing(resp.Stable))
				return err
			})
		},
	}
}
