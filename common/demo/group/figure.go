//go:build unix

package group

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Bounds of a question for figures.
const (
	figureTime = 10 * time.Second
	maxFigures = 1 << 20 // bytes of an answer
)

// Figures asks a replica for figures of its /metrics that have no labels, by their names. It
// fails if one of them is not told.
func (g *Group) Figures(ctx context.Context, id int, names ...string) (map[string]uint64, error) {
	text, err := fetch(ctx, "http://"+g.Admin(id)+"/metrics")
	if err != nil {
		return nil, err
	}
	all := map[string]uint64{}
	for _, name := range names {
		if all[name], err = figure(text, name); err != nil {
			return nil, fmt.Errorf("replica %d: %w", id, err)
		}
	}
	return all, nil
}

func fetch(ctx context.Context, url string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, figureTime)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	req.Close = true // the connection would be one more that a replica serves
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return "", fmt.Errorf("%s: %s", url, resp.Status)
	}
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxFigures))
	return string(b), err
}

// figure finds a figure without labels in the text of /metrics.
func figure(metrics, name string) (uint64, error) {
	lines := bufio.NewScanner(strings.NewReader(metrics))
	for lines.Scan() {
		if value, ok := strings.CutPrefix(lines.Text(), name+" "); ok {
			return strconv.ParseUint(value, 10, 64)
		}
	}
	return 0, fmt.Errorf("/metrics tells no %s", name)
}
