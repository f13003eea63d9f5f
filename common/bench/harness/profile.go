package harness

import (
	"cmp"
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"dss.example/common/bench/proc"
)

// Profile is where ours spends its processor time in a cell that is short.
type Profile struct {
	Load    string   `json:"load"`
	Callers int      `json:"callers"`
	Side    string   `json:"side"` // client or server
	Top     []string `json:"top"`  // as "go tool pprof -top" prints it, or an error
}

// Bounds on profiles.
const (
	maxProfiled  = 4  // cells, the musts first
	profileLines = 12 // functions
)

// profile runs ours once more in every cell that is short and notes what both
// sides are busy with.
func (m *run) profile(ctx context.Context) error {
	ours := m.members[0]
	if ours.Profile == nil {
		return nil
	}
	var done []Cell
	for _, v := range m.r.Verdicts {
		c := Cell{Load: v.Load, Callers: v.Callers}
		if v.State != Short || len(done) == maxProfiled || slices.ContainsFunc(done, c.same) {
			continue
		}
		done = append(done, c)
		fmt.Fprintf(m.Progress, "profiling  %s, %s\n", c.Load, plural(c.Callers, "caller"))
		profiles, err := m.profileCell(ctx, ours, c)
		if err != nil {
			return err
		}
		m.r.Profiles = append(m.r.Profiles, profiles...)
	}
	return nil
}

func (c Cell) same(other Cell) bool { return c.Load == other.Load && c.Callers == other.Callers }

func (m *run) profileCell(ctx context.Context, ours *member, c Cell) ([]Profile, error) {
	dir := m.dir
	if m.Keep != "" {
		dir = m.Keep
	}
	file := func(side string) string {
		return filepath.Join(dir, fmt.Sprintf("stage%d-%s-%d-%s.prof", m.Stage.Number, c.Load, c.Callers, side))
	}
	measured := max(m.For, time.Second).Round(time.Second) // the server counts in seconds
	l := m.Stage.load(c.Load)
	var server error
	var fetching sync.WaitGroup
	if !l.Embedded {
		fetching.Go(func() { server = proc.FetchProfile(ctx, ours.Profile(ours.place), m.Warmup, measured, file("server")) })
	}
	_, _, err := ours.turn(ctx, Turn{
		Load: c.Load, Callers: c.Callers, Warmup: m.Warmup, For: measured + time.Second, Scale: m.Scale, Profile: file("client"),
	}, l)
	fetching.Wait()
	if err != nil {
		return nil, fmt.Errorf("profile of %s, %s: %w", c.Load, plural(c.Callers, "caller"), err)
	}
	profiles := []Profile{{c.Load, c.Callers, "client", top(ctx, file("client"), nil)}}
	if !l.Embedded {
		profiles = append(profiles, Profile{c.Load, c.Callers, "server", top(ctx, file("server"), server)})
	}
	return profiles, nil
}

// top returns the first lines of a profile, or the error in their place: what is
// measured stands without it.
func top(ctx context.Context, name string, err error) []string {
	lines, topErr := proc.Top(ctx, name, profileLines)
	if err = cmp.Or(err, topErr); err != nil {
		return []string{err.Error()}
	}
	return lines
}
