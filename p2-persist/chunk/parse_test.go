package chunk_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"dss.example/p2-persist/chunk"
)

func TestANameMakesItsCutter(t *testing.T) {
	for name, want := range map[string]string{
		"fixed:4K":                   "fixed:4K",
		"fixed:4096":                 "fixed:4K",
		"fixed:4097":                 "fixed:4097",
		"fixed:1":                    "fixed:1",
		"fixed:4M":                   "fixed:4M",
		"rabin":                      "rabin",
		"fastcdc":                    "fastcdc:64K,256K,1M",
		"fastcdc:64K,256K,1M":        "fastcdc:64K,256K,1M",
		"fastcdc:65536,262144,1024K": "fastcdc:64K,256K,1M",
		"fastcdc:64,128,129":         "fastcdc:64,128,129",
	} {
		c, err := chunk.Parse(name)
		require.NoError(t, err, name)
		require.Equal(t, want, c.String())
		again, err := chunk.Parse(c.String())
		require.NoError(t, err)
		require.Equal(t, c.Max(), again.Max())
		data := randomBytes(15, 3*c.Max())
		require.Empty(t, cmp.Diff(sizes(t, data[:min(len(data), 1<<20)], c), sizes(t, data[:min(len(data), 1<<20)], again)))
	}
}

func TestBadNamesAndParametersAreRefused(t *testing.T) {
	for _, name := range []string{
		"", "rabin:", "rabin:4K", "Rabin", " rabin", "buzhash", "fixed", "fixed:", "fixed:0", "fixed:-1", "fixed:+1",
		"fixed:4k", "fixed:K", "fixed:4097K", "fixed:5M", "fixed:4K,4K", "fixed:99999999999999999999", "fixed:2147483647M",
		"fixed:0x10", "fixed:1_000", "fastcdc:", "fastcdc:64K", "fastcdc:64K,256K", "fastcdc:64K,256K,1M,2M",
		"fastcdc:64K,256K,1M,", "fastcdc:63,128,256", "fastcdc:256K,256K,1M", "fastcdc:64K,256K,256K",
		"fastcdc:64K,1M,256K", "fastcdc:64K,255K,1M", "fastcdc:64K,256K,5M", "fastcdc:0,0,0",
	} {
		c, err := chunk.Parse(name)
		require.ErrorIs(t, err, chunk.ErrParameters, name)
		require.Nil(t, c, name)
	}
}

func TestConstructorsRefuseWhatIsOutOfBounds(t *testing.T) {
	for _, size := range []int{-1, 0, chunk.MaxSize + 1} {
		_, err := chunk.NewFixed(size)
		require.ErrorIs(t, err, chunk.ErrParameters)
	}
	for _, p := range [][3]int{{-1, 128, 256}, {64, -128, 256}, {64, 128, -1}, {64, 128, chunk.MaxSize + 1}} {
		_, err := chunk.NewFastCDC(p[0], p[1], p[2])
		require.ErrorIs(t, err, chunk.ErrParameters)
	}
	_, err := chunk.NewFastCDC(64, 2<<20, chunk.MaxSize)
	require.NoError(t, err)
}

func FuzzParse(f *testing.F) {
	for _, c := range cutters() {
		f.Add(c.String())
	}
	f.Fuzz(func(t *testing.T, name string) {
		c, err := chunk.Parse(name)
		if err != nil {
			require.ErrorIs(t, err, chunk.ErrParameters)
			return
		}
		again, err := chunk.Parse(c.String())
		require.NoError(t, err)
		require.Equal(t, c, again)
		require.LessOrEqual(t, c.Max(), chunk.MaxSize)
	})
}
