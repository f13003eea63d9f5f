package history

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// parseTime reads what stands behind "@" and returns it in nanoseconds since 1970 UTC.
func parseTime(s string, now time.Time) (int64, error) {
	if inner, ok := strings.CutPrefix(s, "{"); ok {
		inner, closed := strings.CutSuffix(inner, "}")
		ago, isAgo := strings.CutSuffix(inner, " ago")
		switch {
		case !closed:
			return 0, badTime(s)
		case isAgo:
			return parseAgo(s, strings.TrimSpace(ago), now)
		}
		s = inner
	}
	if ago, ok := strings.CutPrefix(s, "-"); ok {
		return parseAgo(s, ago, now)
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02T15:04", time.DateOnly} {
		if t, err := time.Parse(layout, s); err == nil {
			return nanoseconds(s, t)
		}
	}
	return 0, badTime(s)
}

// parseAgo returns the time that lies the duration ago before now.
func parseAgo(s, ago string, now time.Time) (int64, error) {
	d, ok := parseDuration(ago)
	if !ok {
		return 0, badTime(s)
	}
	return nanoseconds(s, now.Add(-d))
}

// parseDuration reads a duration that is not negative: as Go writes it, or a number of
// days or weeks.
func parseDuration(s string) (time.Duration, bool) {
	const day = 24 * time.Hour
	if number, ok := strings.CutSuffix(s, "d"); ok {
		n, err := strconv.ParseUint(number, 10, 16) // 65,535 days fit into a Duration
		return time.Duration(n) * day, err == nil
	}
	if number, ok := strings.CutSuffix(s, "w"); ok {
		n, err := strconv.ParseUint(number, 10, 13)
		return time.Duration(n) * 7 * day, err == nil
	}
	d, err := time.ParseDuration(s)
	return d, err == nil && d >= 0
}

// nanoseconds refuses what an int64 cannot hold: years before 1678 and after 2261.
func nanoseconds(s string, t time.Time) (int64, error) {
	if t.Year() < 1678 || t.Year() > 2261 {
		return 0, fmt.Errorf("%w: %q is out of range", ErrSpec, s)
	}
	return t.UnixNano(), nil
}

func badTime(s string) error {
	return fmt.Errorf("%w: %q behind @, want a time like 2026-01-02T15:04:05Z or 2026-01-02, or {3h ago}, or -3h", ErrSpec, s)
}
