// Package chart draws bars: panels one above the other, in each panel groups of bars,
// a bar for each series, with a whisker from its least to its greatest. The picture
// is one SVG that needs nothing from outside.
package chart

import (
	"encoding/xml"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
)

// Measures of the picture, in pixels.
const (
	svgWidth   = 920
	svgLeft    = 70  // to the value axis
	svgPlot    = 220 // height of a panel's plot
	svgPanel   = 310 // from one panel to the next
	svgHead    = 90  // title and legend
	svgWhisker = 3   // half its width
)

// svgStyle needs nothing from outside and follows the reader's choice of light or
// dark; the bars' colours stand out from both.
const svgStyle = `
text{font:13px system-ui,sans-serif;fill:#222}.t{font-size:18px;font-weight:600}.h{font-weight:600}.r{text-anchor:end}.m{text-anchor:middle}
.bg{fill:#fff}.g{stroke:#ddd}.w{stroke:#222;stroke-width:1.3}
.s0{fill:#d6453d}.s1{fill:#3f7fd1}.s2{fill:#2f9e77}.s3{fill:#c98a1b}.s4{fill:#8d63c9}.s5{fill:#6f7f8c}.s6{fill:#c2569b}.s7{fill:#77933c}.s8{fill:#3aa6a6}
@media(prefers-color-scheme:dark){text{fill:#e4e4e4}.bg{fill:#16181c}.g{stroke:#3a3d44}.w{stroke:#e4e4e4}}
`

const svgColours = 9

// Chart is a picture.
type Chart struct {
	Title, Subtitle string
	Series          []Series
	Panels          []Panel
}

// Series is what has the same colour in every panel. The legend names those that have
// a bar.
type Series struct{ Name, About string }

// Panel has a value axis of its own.
type Panel struct {
	Title  string
	Unit   string // of the values: "ops/s"
	Groups []Group
}

// Group is bars side by side above a label.
type Group struct {
	Label string
	Bars  []Bar
}

// Bar is one value and its spread.
type Bar struct {
	Series           int // index
	Median, Min, Max float64
}

// WriteSVG draws the chart.
func (c *Chart) WriteSVG(w io.Writer) error {
	height := svgHead + svgPanel*len(c.Panels)
	d := &drawing{Chart: c}
	d.add(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" role="img">`, svgWidth, height)
	d.add(`<title>%s</title><style>%s</style>`, escape(c.Title), svgStyle)
	d.add(`<rect class="bg" width="%d" height="%d"/>`, svgWidth, height)
	d.text(svgLeft, 30, "t", c.Title)
	d.text(svgLeft, 50, "", c.Subtitle)
	d.legend()
	for i, p := range c.Panels {
		d.panel(p, float64(svgHead+i*svgPanel))
	}
	d.add("</svg>")
	_, err := io.WriteString(w, d.b.String())
	return err
}

type drawing struct {
	*Chart
	b strings.Builder
}

func (d *drawing) add(format string, args ...any) { fmt.Fprintf(&d.b, format+"\n", args...) }

func (d *drawing) text(x, y float64, class, s string) {
	d.add(`<text x="%.1f" y="%.1f" class="%s">%s</text>`, x, y, class, escape(s))
}

func escape(s string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(s)) // a Builder does not fail
	return b.String()
}

func colour(series int) string { return fmt.Sprintf("s%d", series%svgColours) }

func (d *drawing) legend() {
	x := float64(svgLeft)
	for i, s := range d.Series {
		if !d.shows(i) {
			continue
		}
		d.add(`<rect class="%s" x="%.1f" y="62" width="12" height="12"><title>%s</title></rect>`, colour(i), x, escape(s.About))
		d.text(x+17, 73, "", s.Name)
		x += 36 + 8*float64(len(s.Name))
	}
}

func (d *drawing) shows(series int) bool {
	for _, p := range d.Panels {
		for _, g := range p.Groups {
			if slices.ContainsFunc(g.Bars, func(b Bar) bool { return b.Series == series }) {
				return true
			}
		}
	}
	return false
}

// panel has an axis even without bars.
func (d *drawing) panel(p Panel, y float64) {
	step, ceiling := p.axis()
	floor := y + 30 + svgPlot
	at := func(v float64) float64 { return floor - v/ceiling*svgPlot }
	d.text(svgLeft, y+18, "h", p.Title+", "+p.Unit)
	for v := 0.0; v <= ceiling*1.001; v += step {
		d.add(`<line class="g" x1="%d" x2="%d" y1="%.1f" y2="%.1f"/>`, svgLeft, svgWidth-20, at(v), at(v))
		d.text(svgLeft-8, at(v)+4, "r", Amount(v))
	}
	group := float64(svgWidth-20-svgLeft) / float64(max(len(p.Groups), 1))
	for i, g := range p.Groups {
		left := svgLeft + group*float64(i)
		d.text(left+group/2, floor+20, "m", g.Label)
		width := min(0.84*group/float64(max(len(g.Bars), 1)), 48)
		x := left + (group-width*float64(len(g.Bars)))/2
		for _, b := range g.Bars {
			d.bar(p, g, b, x, width, at)
			x += width
		}
	}
}

func (d *drawing) bar(p Panel, g Group, b Bar, x, width float64, at func(float64) float64) {
	d.add(`<rect class="%s" x="%.1f" y="%.1f" width="%.1f" height="%.1f"><title>%s, %s: %s %s (%s–%s)</title></rect>`,
		colour(b.Series), x+1, at(b.Median), width-2, at(0)-at(b.Median),
		escape(d.Series[b.Series].Name), escape(g.Label), Amount(b.Median), escape(p.Unit), Amount(b.Min), Amount(b.Max))
	mid := x + width/2
	d.add(`<path class="w" fill="none" d="M%.1f %.1fV%.1fM%.1f %.1fh%dM%.1f %.1fh%d"/>`,
		mid, at(b.Max), at(b.Min), mid-svgWhisker, at(b.Max), 2*svgWhisker, mid-svgWhisker, at(b.Min), 2*svgWhisker)
}

// axis returns the distance of the ticks, 1, 2 or 5 times a power of ten, of which at
// most six reach the highest bar, and the tick above all bars.
func (p Panel) axis() (step, ceiling float64) {
	highest := 0.0
	for _, g := range p.Groups {
		for _, b := range g.Bars {
			highest = max(highest, b.Max)
		}
	}
	power := math.Pow(10, math.Floor(math.Log10(max(highest, 1))))
	step = 2 * power // 10 powers are 5 of these
	for _, f := range []float64{0.1, 0.2, 0.5, 1} {
		if highest <= 6*f*power {
			step = f * power
			break
		}
	}
	return step, step * math.Max(1, math.Ceil(highest/step))
}

// Amount prints a number as people say it: 999, 1.5k, 2.00M.
func Amount(x float64) string {
	switch {
	case x >= 999_950:
		return fmt.Sprintf("%.2fM", x/1e6)
	case x >= 1000:
		return fmt.Sprintf("%.1fk", x/1e3)
	case x > 0 && x < 10:
		return fmt.Sprintf("%.2f", x)
	}
	return fmt.Sprintf("%.0f", x)
}
