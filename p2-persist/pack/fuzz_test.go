package pack_test

import (
	"encoding/binary"
	"hash/crc32"
	"testing"

	"github.com/stretchr/testify/require"

	"dss.example/common/disk"
)

// FuzzIndexFile opens a store with an index file of any content, with the right checksum
// behind it. It may hide blobs, but never make one of other bytes.
func FuzzIndexFile(f *testing.F) {
	r := newRoom(f, small())
	r.put(f, seq(0, 4)...)
	require.NoError(f, r.Close())
	good, err := disk.FS{Disk: r.disk}.ReadFile(dir+"/idx-0000000001", 1<<20)
	require.NoError(f, err)
	f.Add(good[:len(good)-4])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, content []byte) {
		again := &room{disk: r.disk.Image(disk.KeepAll), options: small()}
		sum := crc32.Checksum(content, crc32.MakeTable(crc32.Castagnoli))
		file := binary.LittleEndian.AppendUint32(content[:len(content):len(content)], sum)
		require.NoError(t, disk.FS{Disk: again.disk}.Replace(dir+"/idx-0000000001", file))
		again.open(t)
		for _, n := range seq(0, 4) {
			if b, err := again.Get(idOf(n)); err == nil {
				require.Equal(t, bytesOf(n), b)
			}
		}
		again.put(t, 9)
		require.NoError(t, again.Close())
	})
}
