package proc

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"
)

// maxProfile bounds what a server may send, in bytes.
const maxProfile = 4 << 20

// FetchProfile waits, then has the server behind the URL take a CPU profile for d, in
// whole seconds, and keeps it in a file.
func FetchProfile(ctx context.Context, url string, after, d time.Duration, name string) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(after):
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("%s?seconds=%.0f", url, d.Seconds()), nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxProfile))
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s says %s", url, resp.Status)
	}
	if err != nil {
		return err
	}
	return os.WriteFile(name, b, 0o644)
}

// Top returns the functions that a profile counts most often, as many as asked for,
// under a heading, as "go tool pprof -top" prints them.
func Top(ctx context.Context, name string, functions int) ([]string, error) {
	out, err := exec.CommandContext(ctx, "go", "tool", "pprof", "-top", fmt.Sprintf("-nodecount=%d", functions), name).Output()
	if err != nil {
		return nil, fmt.Errorf("go tool pprof: %w", err)
	}
	lines := strings.Split(strings.TrimRight(string(out), "\n"), "\n")
	heading := slices.IndexFunc(lines, func(l string) bool { return strings.Contains(l, "flat%") })
	return lines[max(heading, 0):], nil
}
