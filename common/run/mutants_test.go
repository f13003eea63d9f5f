package run_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"dss.example/common/house/mutant"
)

// Every patch in testdata/mutants makes this package wrong in one way. The other
// tests here must fail under each and say what is wrong.
func TestEveryMutantIsKilled(t *testing.T) {
	all, err := mutant.Load("testdata/mutants")
	require.NoError(t, err)
	for _, m := range all {
		t.Run(m.ID, func(t *testing.T) {
			t.Parallel()
			v, err := m.Test(t.Context(), "../..", ".", "-skip=^TestEveryMutantIsKilled$", "-timeout=30s", ".")
			require.NoError(t, err)
			require.True(t, v.Killed, "%s survives: it breaks %q", m.ID, m.Rule)
			require.True(t, v.Said, "%s is killed and nothing says %q:\n%s", m.ID, m.Message, v.Output)
			t.Logf("in %v", v.Took)
		})
	}
}
