package head_test

import (
	"encoding/binary"
	"hash/crc32"
	"testing"

	"github.com/stretchr/testify/require"

	"dss.example/common/blob"
	"dss.example/common/disk"
	"dss.example/p2-persist/head"
)

// FuzzFile opens a head's file of any content, with the right checksum behind it.
func FuzzFile(f *testing.F) {
	link := blob.AppendLink(append([]byte{0x84, 1, 0x64}, "main\x01"...), blob.Sum(blob.Raw, nil))
	f.Add(link)
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, content []byte) {
		r := newRoom(t)
		sum := crc32.Checksum(content, crc32.MakeTable(crc32.Castagnoli))
		file := binary.BigEndian.AppendUint32(content[:len(content):len(content)], sum)
		require.NoError(t, disk.FS{Disk: r.disk}.Replace(dir+"/head-main", file))
		h, err := r.Get("main")
		if err != nil {
			require.ErrorIs(t, err, head.ErrCorrupt)
			return
		}
		require.NoError(t, h.ID.Validate())
		require.Equal(t, "main", h.Name)
		require.NotZero(t, h.Generation)
	})
}
