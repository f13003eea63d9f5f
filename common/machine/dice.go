package machine

// Dice makes of the 64 random bits of a step as many as the step needs: Dice(in.Rand) are the
// step's (SplitMix64: Steele, Lea and Flood, OOPSLA 2014).
type Dice uint64

// Roll returns 64 more bits.
func (d *Dice) Roll() uint64 {
	*d += 0x9e3779b97f4a7c15
	z := uint64(*d)
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}
