package chunk

// Fixed cuts into chunks of one size.
type Fixed struct{ size int }

// NewFixed returns a cutter of chunks of size bytes, 1 to MaxSize.
// Error: ErrParameters.
func NewFixed(size int) (Fixed, error) {
	if size < 1 || size > MaxSize {
		return Fixed{}, badParameters("chunks of %d bytes, want 1 to %d", size, MaxSize)
	}
	return Fixed{size}, nil
}

// Cut cuts after the size that the cutter was made with. See Cutter.
func (f Fixed) Cut(b []byte, last bool) int {
	switch {
	case len(b) >= f.size:
		return f.size
	case last:
		return len(b)
	}
	return 0
}

// Max returns the size of every chunk but the last, in bytes.
func (f Fixed) Max() int { return f.size }

// String returns "fixed:SIZE".
func (f Fixed) String() string { return "fixed:" + sizeText(f.size) }
