package main

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// Measures of the picture, in pixels.
const (
	width  = 760
	left   = 90  // to the value axis
	plot   = 220 // height of a panel's plot
	panel  = 310 // from one panel to the next
	head   = 70
	margin = 130 // on the right, for the names of the lines
)

// style needs nothing from outside and follows the reader's choice of light or dark.
const style = `text{font:13px system-ui,sans-serif;fill:#222}.t{font-size:18px;font-weight:600}.h{font-weight:600}.r{text-anchor:end}.m{text-anchor:middle}` +
	`.bg{fill:#fff}.g{stroke:#ddd}.l{fill:none;stroke-width:2.5}.c0{stroke:#d6453d}.c1{stroke:#3f7fd1}.c2{stroke:#2f9e77}.c3{stroke:#c98a1b}` +
	`@media(prefers-color-scheme:dark){text{fill:#e4e4e4}.bg{fill:#16181c}.g{stroke:#3a3d44}}`

const colours = 4

// figure is what a panel shows of a result, above 0.
type figure struct {
	title string
	of    func(*result) float64
}

// draw draws the costs against the length of the partition, a line for each rate, as an SVG. Both
// axes are logarithmic: a straight line that rises as far as it goes to the right is linear.
func draw(all []result) string {
	figures := []figure{
		{"writes rolled back, at all servers", func(r *result) float64 { return float64(r.back) }},
		{"kB sent until all were equal", func(r *result) float64 { return float64(r.bytes) / 1000 }},
		{"ms until all were equal", func(r *result) float64 { return float64(millis(r.took)) }},
	}
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" role="img">`+"\n", width, head+panel*len(figures))
	fmt.Fprintf(&b, "<title>The cost of healing</title><style>%s</style>\n", style)
	fmt.Fprintf(&b, `<rect class="bg" width="%d" height="%d"/>`+"\n", width, head+panel*len(figures))
	fmt.Fprintf(&b, `<text class="t" x="%d" y="30">The cost of healing, by the length of the partition</text>`+"\n", left)
	fmt.Fprintf(&b, `<text x="%d" y="50">%d servers, %d with the primary; writes of %d bytes on both sides; simulated</text>`+"\n", left, servers, west, valueBytes)
	for i, f := range figures {
		drawPanel(&b, f, all, float64(head+i*panel))
	}
	b.WriteString("</svg>\n")
	return b.String()
}

func drawPanel(b *strings.Builder, f figure, all []result, top float64) {
	x, y, low, high := scales(f, all, top+30)
	fmt.Fprintf(b, `<text class="h" x="%d" y="%.0f">%s</text>`+"\n", left, top+18, f.title)
	for v := low; v <= high*1.001; v *= 10 {
		fmt.Fprintf(b, `<line class="g" x1="%d" x2="%d" y1="%.1f" y2="%.1f"/><text class="r" x="%d" y="%.1f">%.0f</text>`+"\n",
			left, width-margin, y(v), y(v), left-8, y(v)+4, v)
	}
	for i, r := range all {
		if i == 0 || r.rate == all[0].rate {
			fmt.Fprintf(b, `<text class="m" x="%.1f" y="%.0f">%v</text>`+"\n", x(r.length), top+30+plot+20, r.length)
		}
	}
	var names []float64 // where they stand
	for i, line := range lines(all) {
		var points []string
		for _, r := range line {
			points = append(points, fmt.Sprintf("%.1f,%.1f", x(r.length), y(f.of(&r))))
		}
		last := line[len(line)-1]
		names = append(names, apart(names, y(f.of(&last))+4))
		fmt.Fprintf(b, `<polyline class="l c%d" points="%s"/><text x="%.1f" y="%.1f">%d writes/s</text>`+"\n",
			i%colours, strings.Join(points, " "), x(last.length)+8, names[i], last.rate)
	}
}

// apart moves a name down until it stands on no other.
func apart(names []float64, y float64) float64 {
	const line = 15
	for slices.ContainsFunc(names, func(other float64) bool { return math.Abs(other-y) < line }) {
		y++
	}
	return y
}

// scales returns where lengths and values lie, and the powers of ten around all values.
func scales(f figure, all []result, top float64) (x func(time.Duration) float64, y func(float64) float64, low, high float64) {
	low, high = math.Inf(1), 1
	longest := time.Second
	for i := range all {
		low, high = min(low, f.of(&all[i])), max(high, f.of(&all[i]))
		longest = max(longest, all[i].length)
	}
	low = math.Pow(10, math.Floor(math.Log10(max(low, 1))))
	high = max(math.Pow(10, math.Ceil(math.Log10(high))), 10*low)
	x = func(d time.Duration) float64 {
		return left + 20 + (width-margin-left-40)*math.Log2(d.Seconds())/max(math.Log2(longest.Seconds()), 1)
	}
	y = func(v float64) float64 { return top + plot*(1-math.Log10(max(v, low)/low)/math.Log10(high/low)) }
	return x, y, low, high
}

// lines are the results of each rate.
func lines(all []result) (lines [][]result) {
	for i, r := range all {
		if i == 0 || r.rate != all[i-1].rate {
			lines = append(lines, nil)
		}
		lines[len(lines)-1] = append(lines[len(lines)-1], r)
	}
	return lines
}
