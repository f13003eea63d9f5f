package chunk

import (
	"fmt"
	"strconv"
	"strings"
)

// Parse returns the cutter of a name:
//
//	fixed:SIZE
//	rabin
//	fastcdc                        the same as fastcdc:64K,256K,1M
//	fastcdc:LEAST,AVERAGE,MOST
//
// A SIZE is a number of bytes, or of KiB with a K or MiB with an M behind it. A cutter's
// String is the one name that is always the same. Error: ErrParameters.
func Parse(name string) (Cutter, error) {
	kind, list, _ := strings.Cut(name, ":")
	switch {
	case name == "rabin":
		return RabinKarp{}, nil
	case name == "fastcdc":
		return Default(), nil
	case kind == "fixed":
		return parseFixed(list)
	case kind == "fastcdc":
		return parseFastCDC(list)
	}
	return nil, badParameters("%.40q is not fixed:SIZE, rabin or fastcdc[:LEAST,AVERAGE,MOST]", name)
}

func parseFixed(list string) (Cutter, error) {
	sizes, err := parseSizes(list, 1)
	if err != nil {
		return nil, err
	}
	f, err := NewFixed(sizes[0])
	if err != nil {
		return nil, err
	}
	return f, nil
}

func parseFastCDC(list string) (Cutter, error) {
	sizes, err := parseSizes(list, 3)
	if err != nil {
		return nil, err
	}
	f, err := NewFastCDC(sizes[0], sizes[1], sizes[2])
	if err != nil {
		return nil, err
	}
	return f, nil
}

// parseSizes reads exactly n sizes with commas between them.
func parseSizes(list string, n int) ([]int, error) {
	texts := strings.SplitN(list, ",", n+1)
	if len(texts) != n {
		return nil, badParameters("%.40q does not have %d sizes", list, n)
	}
	sizes := make([]int, n)
	for i, text := range texts {
		size, err := parseSize(text)
		if err != nil {
			return nil, err
		}
		sizes[i] = size
	}
	return sizes, nil
}

func parseSize(text string) (int, error) {
	digits, unit := text, 1
	if rest, ok := strings.CutSuffix(text, "K"); ok {
		digits, unit = rest, 1<<10
	} else if rest, ok := strings.CutSuffix(text, "M"); ok {
		digits, unit = rest, 1<<20
	}
	n, err := strconv.ParseUint(digits, 10, 31)
	if err != nil || n > uint64(MaxSize/unit) {
		return 0, badParameters("%.40q is not a size of at most %s", text, sizeText(MaxSize))
	}
	return int(n) * unit, nil
}

// sizeText writes a size in the largest unit of which it is a multiple.
func sizeText(size int) string {
	switch {
	case size > 0 && size%(1<<20) == 0:
		return fmt.Sprintf("%dM", size>>20)
	case size > 0 && size%(1<<10) == 0:
		return fmt.Sprintf("%dK", size>>10)
	}
	return strconv.Itoa(size)
}
