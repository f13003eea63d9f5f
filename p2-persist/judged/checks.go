package judged

import (
	"slices"
	"strings"

	"dss.example/common/judge"
)

// Checks are what stage 2's judge asks of parts, in the order of the steps. The whole
// joins two stages, so cmd/judge has its checks.
func Checks() []judge.Check {
	all := slices.Concat(
		objectChecks(), chunkChecks(), fileChecks(), treeChecks(), diffChecks(),
		segmentChecks(), walChecks(), packChecks(), headChecks(), historyChecks(), shownChecks(),
	)
	slices.SortStableFunc(all, func(a, b judge.Check) int { return strings.Compare(a.Step, b.Step) })
	return all
}

// asks makes a Check's Run of what is asked of parts in an empty world.
func asks(test string, run func(t *judge.T, p *part)) func(*judge.T) {
	return func(t *judge.T) {
		t.Replay("go test ./p2-persist/%s", test)
		run(t, newPart(t))
	}
}

// promises are what the suite of an interface demands, joined to one Check: those of them
// that no group before has, and of whose names one of the words is a part.
type promises[C any] struct {
	name, words, rule string
	checks            []C
}

// group deals a suite out to groups, of which the last takes what is left.
func group[C any](groups []promises[C], suite []C, name func(C) string) []promises[C] {
	for _, c := range suite {
		i := slices.IndexFunc(groups[:len(groups)-1], func(g promises[C]) bool {
			return slices.ContainsFunc(strings.Fields(g.words), func(w string) bool { return strings.Contains(name(c), w) })
		})
		if i < 0 {
			i = len(groups) - 1
		}
		g := &groups[i]
		g.checks = append(g.checks, c)
		g.rule += strings.ToUpper(name(c)[:1]) + name(c)[1:] + ". "
	}
	for i := range groups {
		groups[i].rule = strings.TrimSpace(groups[i].rule)
	}
	return groups
}
