package sim

import "math"

// Shrunk is a failing schedule with nothing left to take out.
type Shrunk struct {
	Actions []Action
	Failure *Failure
	Before  int // actions before shrinking
	Runs    int // replays that shrinking took
}

// Shrink repeats the failing run of a seed, records its actions, and takes out
// whatever the failure does not need. It returns nil if the run does not fail, or
// if the list of its actions does not fail by itself (a liveness failure, say,
// which is made of what does not happen). budget bounds the replays.
func Shrink(cfg *Config, seed uint64, budget int) *Shrunk {
	var actions []Action
	w := NewWorld(cfg, seed)
	w.record = &actions
	first := w.Run()
	w.Close()
	if first == nil {
		return nil
	}
	s := &shrinker{cfg: cfg, seed: seed, rule: first.Rule, budget: budget}
	fail := s.fails(actions)
	if fail == nil {
		return nil
	}
	result := &Shrunk{Before: len(actions)}
	result.Actions, result.Failure = s.reduce(actions[:min(len(actions), s.used)], fail)
	result.Runs = s.runs
	return result
}

// shrinker is delta debugging (Zeller and Hildebrandt 2002, ddmin) over actions.
type shrinker struct {
	cfg    *Config
	seed   uint64
	rule   string
	runs   int
	budget int
	used   int // actions consumed when the last failing replay failed
}

// fails replays a list and returns its failure, if it is the one that is sought.
func (s *shrinker) fails(list []Action) *Failure {
	s.runs++
	w := Replay(s.cfg, s.seed, list)
	defer w.Close()
	fail := w.Run()
	if fail == nil || fail.Rule != s.rule {
		return nil
	}
	s.used = len(list) - len(w.sched.(*listed).list)
	return fail
}

func (s *shrinker) reduce(list []Action, fail *Failure) ([]Action, *Failure) {
	for size := max(1, len(list)/2); size >= 1 && s.runs < s.budget; {
		smaller, f := s.pass(list, size)
		if f != nil {
			list, fail = smaller, f
		}
		switch {
		case size > 1:
			size /= 2
		case f == nil:
			return list, fail // no single action can go
		}
	}
	return list, fail
}

// pass tries once to take out each piece of the given size, from the end.
func (s *shrinker) pass(list []Action, size int) ([]Action, *Failure) {
	var last *Failure
	for end := len(list); end > 0 && s.runs < s.budget; {
		start := max(0, end-size)
		candidate := append(append(make([]Action, 0, len(list)), list[:start]...), list[end:]...)
		if f := s.fails(candidate); f != nil {
			list, last = candidate[:min(len(candidate), s.used)], f
			end = min(start, len(list))
		} else {
			end = start
		}
	}
	return list, last
}

// Replay makes a world that follows a list of actions instead of its seed.
func Replay(cfg *Config, seed uint64, list []Action) *World {
	w := newWorld(cfg, seed, nil)
	w.pace = drawPace(w.rng)
	w.sched, w.listed, w.length = newListed(w, list), true, math.MaxInt // it ends with its list
	w.startAll()
	return w
}
