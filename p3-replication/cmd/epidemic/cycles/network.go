package cycles

import (
	"errors"
	"fmt"
	"math"

	"dss.example/p3-replication/gossip"
)

// Network is a made-up internetwork of two continents: a stand-in for the Xerox Corporate Internet,
// whose map was not published. Every site is a gateway with links to others. Each continent is a
// tree: site 0 of it is the root, and each site has Branch more below it while there are any.
// One link, the bottleneck, joins the two roots. What is sent goes by the shortest way.
//
// Two numbers are fitted to what the paper tells of uniform choice: Abroad, to the traffic between
// the continents (it has "a few tens" of sites in Europe), and Branch, to that of an average link.
// What other choices do to either is not.
type Network struct {
	sites      int
	links      int
	bottleneck int
	next       [][]hop // of each site: to its neighbours
	distance   [][]int // in links
	toward     [][]hop // [from][to]: the last hop of the way
}

// hop is a link and where it leads.
type hop struct{ link, site int }

// Abroad is how many sites Europe has, and Branch how many links lead down from a site.
const (
	Abroad = 40
	Branch = 8
)

// MinSites is the fewest sites that a Network has.
const MinSites = 2 * Abroad

// ErrSites tells that a Network cannot have so many sites.
var ErrSites = errors.New("too few sites for two continents")

// NewNetwork returns the Network of so many sites. The error wraps ErrSites.
func NewNetwork(sites int) (*Network, error) {
	if sites < MinSites || sites > gossip.MaxPeers {
		return nil, fmt.Errorf("%w: %d: want %d to %d", ErrSites, sites, MinSites, gossip.MaxPeers)
	}
	w := &Network{sites: sites, next: make([][]hop, sites)}
	home := sites - Abroad
	w.tree(0, home)
	w.tree(home, Abroad)
	w.bottleneck = w.join(0, home)
	for from := range sites {
		w.search(from)
	}
	return w, nil
}

func (w *Network) tree(first, sites int) {
	for i := 1; i < sites; i++ {
		w.join(first+i, first+(i-1)/Branch)
	}
}

func (w *Network) join(a, b int) (link int) {
	link = w.links
	w.links++
	w.next[a] = append(w.next[a], hop{link, b})
	w.next[b] = append(w.next[b], hop{link, a})
	return link
}

// search finds the shortest ways from a site.
func (w *Network) search(from int) {
	distance, toward := make([]int, w.sites), make([]hop, w.sites)
	for i := range distance {
		distance[i] = -1
	}
	distance[from] = 0
	for queue := []int{from}; len(queue) > 0; queue = queue[1:] {
		at := queue[0]
		for _, h := range w.next[at] {
			if distance[h.site] < 0 {
				distance[h.site] = distance[at] + 1
				toward[h.site] = hop{h.link, at}
				queue = append(queue, h.site)
			}
		}
	}
	w.distance, w.toward = append(w.distance, distance), append(w.toward, toward)
}

// Weights returns how often a site chooses each other by the paper's spatial distribution of
// parameter a (E87 3.1): all sites at one distance have the same chance, by the fall of Q^-a over
// them, where Q is how many sites are no farther. On a line this is d^-a of the distance d; on any
// network, a > 1, near sites and far ones share the choice alike whatever lies about. a = 0 is uniform.
func (w *Network) Weights(site int, a float64) []uint32 {
	distance := w.distance[site]
	count := make([]float64, w.sites)
	for _, d := range distance {
		count[d]++
	}
	chance := make([]float64, w.sites)
	within, highest := 1.0, 0.0 // itself
	for d := 1; d < w.sites && count[d] > 0; d++ {
		before := within
		within += count[d]
		chance[d] = fall(before, within, a) / count[d]
		highest = max(highest, chance[d])
	}
	weights := make([]uint32, w.sites)
	for i, d := range distance {
		weights[i] = uint32(math.Ceil(chance[d] / highest * gossip.MaxWeight))
	}
	return weights
}

// fall is the integral of q^-a.
func fall(from, to, a float64) float64 {
	if a == 1 {
		return math.Log(to / from)
	}
	return (math.Pow(from, 1-a) - math.Pow(to, 1-a)) / (a - 1)
}

// Load counts what goes over each link.
type Load struct {
	network *Network
	links   []int
}

// NewLoad returns a Load of nothing.
func (w *Network) NewLoad() *Load { return &Load{network: w, links: make([]int, w.links)} }

// Add counts n more on all links between two sites.
func (l *Load) Add(from, to, n int) {
	for to != from {
		h := l.network.toward[from][to]
		l.links[h.link] += n
		to = h.site
	}
}

// Average returns the mean load of the links.
func (l *Load) Average() float64 {
	sum := 0
	for _, n := range l.links {
		sum += n
	}
	return float64(sum) / float64(len(l.links))
}

// Bottleneck returns the load of the link between the continents.
func (l *Load) Bottleneck() float64 { return float64(l.links[l.network.bottleneck]) }
