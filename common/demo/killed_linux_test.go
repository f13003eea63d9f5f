//go:build unix

package demo_test

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestServersDieWithADemoThatIsKilled(t *testing.T) {
	p := start(t, "wait")
	require.NoError(t, p.Process.Kill())
	p.end(t)
	requireDead(t, p.server)
}
