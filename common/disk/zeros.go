package disk

import "os"

// writeZeros makes a file longer, from size to want bytes, on a system that cannot
// reserve them. On Linux it serves file systems that cannot.
func writeZeros(f *os.File, size, want int64) error {
	zeros := make([]byte, min(want-size, 64<<10))
	for size < want {
		n, err := f.WriteAt(zeros[:min(want-size, int64(len(zeros)))], size)
		if err != nil {
			return err
		}
		size += int64(n)
	}
	return nil
}
