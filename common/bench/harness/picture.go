package harness

import (
	"fmt"
	"io"
	"slices"

	"dss.example/common/bench/chart"
	"dss.example/common/bench/stats"
)

// WriteSVG draws the record: a panel for each load, in it a group of bars for each
// number of callers, a bar for each system, as high as its median rate, with a
// whisker from its least to its greatest.
func (s *Stage) WriteSVG(w io.Writer, r *Record) error {
	c := chart.Chart{
		Title: fmt.Sprintf("Stage %d: %s", r.Stage, r.Title),
		Subtitle: fmt.Sprintf("%s, %d cores; medians of %s of %v, whiskers from least to greatest; %s",
			r.Machine.CPU, r.Machine.Cores, plural(r.Rounds, "round"), r.For, r.Date.Format("2006-01-02")),
	}
	for _, system := range s.Systems {
		c.Series = append(c.Series, chart.Series{Name: system.Name, About: system.About})
	}
	for _, l := range s.Loads {
		p := chart.Panel{Title: l.Name + ": " + l.Title, Unit: l.Unit + "/s"}
		for _, cell := range r.Cells {
			if cell.Load == l.Name {
				p.Groups = append(p.Groups, chart.Group{Label: plural(cell.Callers, "caller"), Bars: s.bars(r, cell, l)})
			}
		}
		c.Panels = append(c.Panels, p)
	}
	return c.WriteSVG(w)
}

// bars leaves out who has failed.
func (s *Stage) bars(r *Record, c Cell, l Load) (bars []chart.Bar) {
	for _, name := range c.Systems {
		rates := stats.Of(r.of(c, name, Rate.figure())).Times(l.items())
		if rates.Max > 0 {
			series := slices.IndexFunc(s.Systems, func(s System) bool { return s.Name == name })
			bars = append(bars, chart.Bar{Series: series, Median: rates.Median, Min: rates.Min, Max: rates.Max})
		}
	}
	return bars
}
