package explore

import (
	"fmt"
	"slices"

	"dss.example/common/machine"
	"dss.example/common/sim/dump"
)

// newSearch checks a Config and makes the search that it asks for.
func newSearch(cfg Config) (*search, error) {
	if err := check(&cfg); err != nil {
		return nil, err
	}
	s := &search{
		cfg: cfg, places: slices.Clone(cfg.Places), placeOf: make(map[machine.Addr]int),
		memberOf: make(map[memberKey]uint32), recordOf: make(map[string]uint32),
		setOf: make(map[string]uint32), localOf: make(map[string]uint32),
		shown: make(map[string]uint32), shownBy: make(map[string]uint32),
		width: len(cfg.Places) + 3, locals: []*state{{parent: -1}},
	}
	s.row = make([]uint32, s.width)
	for i := range s.places {
		s.placeOf[s.places[i].Addr] = i
		s.places[i].New = maker(s.places[i])
	}
	if len(s.placeOf) != len(s.places) {
		return nil, fmt.Errorf("%w: two places with one address", ErrConfig)
	}
	for _, a := range cfg.Asks {
		if i, ok := s.placeOf[a.To]; !ok || s.places[i].New == nil {
			return nil, fmt.Errorf("%w: an ask to %v, where nobody lives", ErrConfig, a.To)
		}
	}
	s.nodes = s.mortal()
	return s, nil
}

func check(cfg *Config) error {
	if cfg.MaxWorlds <= 0 {
		cfg.MaxWorlds = DefaultWorlds
	}
	if cfg.Calls <= 0 {
		cfg.Calls = 1
	}
	switch {
	case len(cfg.Places) == 0 || len(cfg.Places) > MaxPlaces:
		return fmt.Errorf("%w: %d places, want 1 to %d", ErrConfig, len(cfg.Places), MaxPlaces)
	case len(cfg.Asks) > MaxAsks:
		return fmt.Errorf("%w: %d asks, at most %d", ErrConfig, len(cfg.Asks), MaxAsks)
	case cfg.Crashes > maxBudget || cfg.Timers > maxBudget || cfg.Calls > 255:
		return fmt.Errorf("%w: %d crashes, %d timers, %d calls", ErrConfig, cfg.Crashes, cfg.Timers, cfg.Calls)
	}
	for _, p := range cfg.Places {
		if p.Protocol == nil {
			return fmt.Errorf("%w: no protocol at %v", ErrConfig, p.Addr)
		}
	}
	return nil
}

// maker returns how a place's machine is made, or nil when nobody lives there.
func maker(p Place) func() (Live, error) {
	if p.New != nil || p.Protocol.New == nil {
		return p.New
	}
	var shared dump.Printer
	return func() (Live, error) {
		m, err := p.Protocol.New(p.Addr, slices.Clone(p.Config))
		if err != nil {
			return nil, err
		}
		return &local{Machine: m, printer: &shared}, nil
	}
}

// mortal returns the places of each node that may crash, in the order of places.
func (s *search) mortal() [][]int {
	var nodes [][]int
	at := make(map[machine.Node]int)
	for i, p := range s.places {
		if p.New == nil || s.cfg.Mortal != nil && !slices.Contains(s.cfg.Mortal, p.Addr.Node) {
			continue
		}
		n, ok := at[p.Addr.Node]
		if !ok {
			n = len(nodes)
			at[p.Addr.Node] = n
			nodes = append(nodes, nil)
		}
		nodes[n] = append(nodes[n], i)
	}
	return nodes
}
