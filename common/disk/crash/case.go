package crash

import (
	"fmt"
	"iter"
	"math/bits"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
)

// Case is one thing that may happen to a scenario: which calls fail, then where the run
// and each check after it crash, and what that loses. It is a value.
type Case struct {
	faults  []fault
	crashes []spot
}

// spot is a crash after so many calls that loses some of the effects that are not durable
// then, by their number.
type spot struct {
	calls int
	lost  []int
}

func (s spot) set() map[int]bool {
	set := map[int]bool{}
	for _, i := range s.lost {
		set[i] = true
	}
	return set
}

// then adds a crash that loses nothing.
func (c Case) then(calls int) Case {
	c.crashes = append(slices.Clip(c.crashes), spot{calls: calls})
	return c
}

// losing sets what the last crash loses.
func (c Case) losing(lost []bool) Case {
	var numbers []int
	for i, is := range lost {
		if is {
			numbers = append(numbers, i)
		}
	}
	return c.at(len(c.crashes)-1, numbers)
}

// at sets what one of the crashes loses.
func (c Case) at(crash int, lost []int) Case {
	c.crashes = slices.Clone(c.crashes)
	c.crashes[crash].lost = lost
	return c
}

// String writes the case for Options.Only: "3.0,7.1 " if calls fail, by number and way,
// then for each crash the number of calls and what it loses, "5:0,2/1:".
func (c Case) String() string {
	var faults, crashes []string
	for _, f := range c.faults {
		faults = append(faults, fmt.Sprintf("%d.%d", f.call, f.way))
	}
	for _, s := range c.crashes {
		lost := strings.Trim(strings.ReplaceAll(fmt.Sprint(s.lost), " ", ","), "[]")
		crashes = append(crashes, fmt.Sprintf("%d:%s", s.calls, lost))
	}
	return strings.TrimPrefix(strings.Join(faults, ",")+" "+strings.Join(crashes, "/"), " ")
}

// parseCase is String backwards.
func parseCase(text string) (Case, error) {
	var c Case
	faults, crashes, ok := strings.Cut(text, " ")
	if !ok {
		faults, crashes = "", text
	}
	for _, part := range fields(faults) {
		var f fault
		if _, err := fmt.Sscanf(part, "%d.%d", &f.call, &f.way); err != nil || f.way < 0 {
			return c, fmt.Errorf("only %q: fault %q", text, part)
		}
		c.faults = append(c.faults, f)
	}
	for _, part := range strings.Split(crashes, "/") {
		calls, list, _ := strings.Cut(part, ":")
		var numbers []int
		for _, number := range append([]string{calls}, fields(list)...) {
			n, err := strconv.ParseUint(number, 10, 31)
			if err != nil {
				return c, fmt.Errorf("only %q: crash: %w", text, err)
			}
			numbers = append(numbers, int(n))
		}
		c.crashes = append(c.crashes, spot{calls: numbers[0], lost: numbers[1:]})
	}
	return c, nil
}

// fields splits at commas; nothing has no fields.
func fields(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return r == ',' })
}

// subsets yields what a crash may lose of n effects: all subsets if they are at most max,
// the empty one first; else a sample of max, and tells so. The slice is used again.
func subsets(n, max int, seed uint64) (sets iter.Seq[[]bool], sampled bool) {
	if n < bits.Len(uint(max)) {
		return func(yield func([]bool) bool) {
			lost := make([]bool, n)
			for mask := range uint64(1) << n {
				for i := range lost {
					lost[i] = mask>>i&1 == 1
				}
				if !yield(lost) {
					return
				}
			}
		}, false
	}
	return func(yield func([]bool) bool) { sample(n, max, seed, yield) }, true
}

// sample yields what is likely to be wrong (all, nothing, a tail, one lost or kept), then
// at random, from few effects lost to nearly all.
func sample(n, max int, seed uint64, yield func([]bool) bool) {
	random := rand.New(rand.NewPCG(seed, uint64(n)))
	lost := make([]bool, n)
	for k := range max {
		rate := random.Float64()
		for i := range lost {
			switch {
			case k == 0:
				lost[i] = false
			case k <= n: // the last k
				lost[i] = i >= n-k
			case k <= 2*n:
				lost[i] = i == k-n-1
			case k <= 3*n:
				lost[i] = i != k-2*n-1
			default:
				lost[i] = random.Float64() < rate
			}
		}
		if !yield(lost) {
			return
		}
	}
}
