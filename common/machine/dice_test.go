package machine_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"dss.example/common/machine"
)

func TestDiceRollAsTheirAuthorsPublishedThem(t *testing.T) {
	var d machine.Dice
	for _, want := range []uint64{0xe220a8397b1dcdaf, 0x6e789e6aa1b965f4, 0x06c45d188009454f} {
		require.Equal(t, want, d.Roll())
	}
}
