//go:build unix

package group

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
)

// admin is a group of one replica that does not run and tells figures.
func admin(t *testing.T, figures http.HandlerFunc) *Group {
	s := httptest.NewServer(figures)
	t.Cleanup(s.Close)
	return &Group{replicas: []*replica{{id: 1, admin: strings.TrimPrefix(s.URL, "http://")}}}
}

func TestFiguresAreThoseWithoutLabels(t *testing.T) {
	g := admin(t, func(w http.ResponseWriter, r *http.Request) {
		require.Equal(t, "/metrics", r.URL.Path)
		fmt.Fprint(w, "# HELP b of no use\nb{c=\"d\"} 5\nb_c 6\nb 7\na 0\n")
	})
	got, err := g.Figures(t.Context(), 1, "a", "b")
	require.NoError(t, err)
	require.Empty(t, cmp.Diff(map[string]uint64{"a": 0, "b": 7}, got))
	_, err = g.Figures(t.Context(), 1, "a", "c")
	require.EqualError(t, err, "replica 1: /metrics tells no c")
}

func TestAReplicaThatTellsNoFiguresIsAnError(t *testing.T) {
	g := admin(t, http.NotFound)
	_, err := g.Figures(t.Context(), 1)
	require.ErrorContains(t, err, "/metrics: 404 Not Found")
	g.replicas[0].admin = "127.0.0.1:1"
	_, err = g.Figures(t.Context(), 1)
	require.ErrorContains(t, err, "refused")
}
