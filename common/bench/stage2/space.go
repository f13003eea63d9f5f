package stage2

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

const diskBlock = 4 << 10

// spaceOf returns how many bytes a directory takes of its disk for each byte that is
// kept in it: whole blocks, but those of zeros.
func spaceOf(dir string, kept int64) (float64, error) {
	var taken int64
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		n, err := blocksOf(name)
		if errors.Is(err, fs.ErrNotExist) {
			return nil // a temporary file of a process that was ending
		}
		taken += n * diskBlock
		return err
	})
	return float64(taken) / float64(kept), err
}

// blocksOf counts the blocks of a file that are not all zeros.
func blocksOf(name string) (n int64, err error) {
	f, err := os.Open(name)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	b := make([]byte, 64*diskBlock)
	zeros := make([]byte, diskBlock)
	for {
		got, err := io.ReadFull(f, b)
		for at := 0; at < got; at += diskBlock {
			if block := b[at:min(at+diskBlock, got)]; !bytes.Equal(block, zeros[:len(block)]) {
				n++
			}
		}
		switch {
		case err == io.EOF || err == io.ErrUnexpectedEOF:
			return n, nil
		case err != nil:
			return 0, err
		}
	}
}
