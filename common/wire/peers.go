package wire

import (
	"cmp"
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"dss.example/common/machine"
)

// PeerOptions say who a node's peers are and what happens with their frames. A
// zero field means the default; Self, Receive are required.
//
// Bounds.Idle is not used: a peer may be silent for ever.
type PeerOptions struct {
	Bounds

	Self  machine.Node
	Addrs map[machine.Node]string // of the peers; Self is skipped

	// Receive takes a frame from a peer: one at a time for each peer, in the order
	// sent. The bytes are its own until it returns. While it waits the peer's
	// further frames do. When it panics the peer's connection ends, as if it had
	// broken, and the Server counts and logs it.
	Receive func(from machine.Node, frame []byte)
	// Link hints that the connection to a peer came up or went down; nil is told
	// nothing. It is called in order for each peer and must not wait.
	Link func(peer machine.Node, up bool)

	QueueBytes  int           // that wait for one peer; more are dropped. Default 16 MiB
	QueueFrames int           // the same in frames. Default 8192
	MinBackoff  time.Duration // before dialling again; default 10 ms
	MaxBackoff  time.Duration // which it doubles up to; default 2 s

	TLS *tls.Config // to dial with; nil: no TLS. See TLSFiles
	// Dial connects to an address; nil means Connect.
	Dial func(ctx context.Context, addr string) (net.Conn, error)
	Log  *slog.Logger // refusals by a peer as warnings; nil discards
}

func (o PeerOptions) withDefaults() PeerOptions {
	o.Bounds = o.Bounds.withDefaults()
	o.Idle = 0
	if o.Link == nil {
		o.Link = func(machine.Node, bool) {}
	}
	o.QueueBytes = cmp.Or(o.QueueBytes, 16<<20)
	o.QueueFrames = cmp.Or(o.QueueFrames, 8192)
	o.MinBackoff = cmp.Or(o.MinBackoff, 10*time.Millisecond)
	o.MaxBackoff = cmp.Or(o.MaxBackoff, 2*time.Second)
	if o.Dial == nil {
		o.Dial = Connect
	}
	o.Log = cmp.Or(o.Log, slog.New(slog.DiscardHandler))
	return o
}

// Peers exchanges one-way frames with the other nodes of a group. Frames between
// two nodes arrive in order or not at all. It keeps one connection to each peer;
// theirs come in through the Server that has it in its options. The methods are
// safe for concurrent use.
type Peers struct {
	opts    PeerOptions
	ctx     context.Context
	cancel  context.CancelFunc
	running sync.WaitGroup // of the peers that were added
	stats   peerStats

	mu    sync.Mutex // guards what follows
	peers map[machine.Node]*peer
	all   []*peer // those of peers; replaced, never changed
}

// PeerStats counts what a Peers has seen.
type PeerStats struct {
	Sent, Dropped     int64 // frames that were queued; frames that found no room or no peer
	Received, Dials   int64
	BytesIn, BytesOut int64 // BytesIn is counted by the Server too
}

type peerStats struct{ sent, dropped, received, dials, in, out atomic.Int64 }

// peer is one other node: the queue of frames for it and the goroutine that keeps
// the connection to it.
type peer struct {
	owner  *Peers
	node   machine.Node
	addr   string
	queue  *sendQueue
	frames int           // guarded by queue's mutex
	line   *line         // guarded by queue's mutex: the connection to it; nil if there is none
	back   chan struct{} // holds a token when the peer has just dialled us
	ctx    context.Context
	cancel context.CancelFunc
	in     net.Conn // guarded by owner.mu: its connection to us
}

// NewPeers starts to connect to all peers.
func NewPeers(o PeerOptions) *Peers {
	p := &Peers{opts: o.withDefaults(), peers: make(map[machine.Node]*peer)}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	for node, addr := range o.Addrs {
		p.Add(node, addr)
	}
	return p
}

// Add adds a peer, or gives it another address. After Close it does nothing.
func (p *Peers) Add(node machine.Node, addr string) {
	if node == p.opts.Self || node == 0 {
		return
	}
	p.Remove(node)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ctx.Err() != nil || p.peers[node] != nil {
		return
	}
	q := &peer{owner: p, node: node, addr: addr, queue: newSendQueue(), back: make(chan struct{}, 1)}
	q.ctx, q.cancel = context.WithCancel(p.ctx)
	p.peers[node] = q
	p.all = append(slices.Clip(p.all), q)
	p.running.Go(q.run)
}

// Remove forgets a peer and the frames that wait for it, and closes both its
// connections.
func (p *Peers) Remove(node machine.Node) {
	p.mu.Lock()
	defer p.mu.Unlock()
	q := p.peers[node]
	if q == nil {
		return
	}
	delete(p.peers, node)
	p.all = slices.DeleteFunc(slices.Clone(p.all), func(other *peer) bool { return other == q })
	q.cancel()
	if q.in != nil {
		q.in.Close()
	}
}

// Close closes all connections and returns when nothing of it runs any more, save
// a Receive that has not returned: the Server's Close waits for that.
func (p *Peers) Close() {
	p.mu.Lock()
	p.cancel()
	nodes := make([]machine.Node, 0, len(p.peers))
	for node := range p.peers {
		nodes = append(nodes, node)
	}
	p.mu.Unlock()
	for _, node := range nodes {
		p.Remove(node)
	}
	p.running.Wait()
}

// Stats returns the counters.
func (p *Peers) Stats() PeerStats {
	s := &p.stats
	return PeerStats{
		Sent: s.sent.Load(), Dropped: s.dropped.Load(), Received: s.received.Load(), Dials: s.dials.Load(),
		BytesIn: s.in.Load(), BytesOut: s.out.Load(),
	}
}

// Send queues a frame for a peer and reports whether it did; it never waits and
// keeps nothing of frame. A frame that finds the queue full, is empty or too
// large, or is for nobody we know is dropped and counted. One that was queued may
// be lost with its connection.
func (p *Peers) Send(to machine.Node, frame []byte) bool { return p.queue(to, frame, true) }

// Queue is Send for who calls Flush soon: until then the frame may stay.
func (p *Peers) Queue(to machine.Node, frame []byte) bool { return p.queue(to, frame, false) }

func (p *Peers) queue(to machine.Node, frame []byte, wake bool) bool {
	p.mu.Lock()
	q := p.peers[to]
	p.mu.Unlock()
	if q == nil || len(frame) == 0 || len(frame) > p.opts.Message || !q.add(frame, wake) {
		p.stats.dropped.Add(1)
		return false
	}
	p.stats.sent.Add(1)
	return true
}

func (q *peer) add(frame []byte, wake bool) bool {
	o := &q.owner.opts
	q.queue.Lock()
	if q.frames >= o.QueueFrames || len(q.queue.buf)+prefixSize+len(frame) > o.QueueBytes {
		q.queue.Unlock()
		return false
	}
	q.frames++
	q.queue.buf = binary.BigEndian.AppendUint32(q.queue.buf, uint32(len(frame)))
	q.queue.buf = append(q.queue.buf, frame...)
	if !wake {
		q.queue.Unlock()
		return true
	}
	q.queue.unlockAndWake()
	return true
}

// run keeps the connection to the peer until it is removed.
func (q *peer) run() {
	wait := q.owner.opts.MinBackoff
	for q.ctx.Err() == nil {
		if q.connect() {
			wait = q.owner.opts.MinBackoff
		}
		// Between half and all of wait, so that nodes that lost the same peer do
		// not come back as one.
		pause := time.NewTimer(wait/2 + rand.N(wait/2+1))
		select {
		case <-pause.C:
			wait = min(2*wait, q.owner.opts.MaxBackoff)
		case <-q.back:
			wait = q.owner.opts.MinBackoff
		case <-q.ctx.Done():
		}
		pause.Stop()
	}
}

// connect dials the peer and sends what is queued until the connection ends. It
// reports whether the peer had made us welcome.
func (q *peer) connect() bool {
	o := &q.owner.opts
	q.owner.stats.dials.Add(1)
	config := o.TLS
	if config != nil {
		config = config.Clone()
		config.ServerName = NodeName(q.node)
	}
	conn, err := dial(q.ctx, q.addr, o.Dial, config, o.Handshake)
	if err != nil {
		q.complain(err)
		return false
	}
	in := newFrameReader(conn, maxHead, o.Bounds, &q.owner.stats.in)
	if err := greet(q.ctx, conn, in, hello{kind: kindPeer, node: o.Self}, o.Bounds, nil); err != nil {
		conn.Close()
		q.complain(err)
		return false
	}
	q.drainBack()
	o.Link(q.node, true)
	defer o.Link(q.node, false)
	q.send(conn, in)
	return true
}

// drainBack forgets that the peer has dialled us: we are connected now.
func (q *peer) drainBack() {
	select {
	case <-q.back:
	default:
	}
}

func (q *peer) complain(err error) {
	var remote *RemoteError
	if errors.As(err, &remote) {
		q.owner.opts.Log.Warn("peer refuses us", "peer", q.node, "why", err)
	}
}

// send writes what is queued until the connection ends. A peer sends nothing on
// it after its welcome, so reading ends when the connection does.
func (q *peer) send(conn net.Conn, in *frameReader) {
	ctx, cancel := context.WithCancel(q.ctx)
	unhook := context.AfterFunc(ctx, func() { conn.Close() })
	var reading sync.WaitGroup
	reading.Go(func() {
		defer cancel()
		in.next()
	})
	to := writer{conn: conn, timeout: q.owner.opts.Write, count: &q.owner.stats.out}
	rest := q.connected(conn)
	q.queue.run(&to, rest, ctx.Done(), q.took)
	q.disconnected()
	cancel()
	unhook()
	conn.Close()
	reading.Wait()
}

// accepts reports why a hello from a peer is refused; nil if it is not. names are
// those of its certificate.
func (p *Peers) accepts(node machine.Node, secure bool, names []string) error {
	if p == nil {
		return fmt.Errorf("%w: this server takes no peers", ErrRefused)
	}
	p.mu.Lock()
	known := p.peers[node] != nil
	p.mu.Unlock()
	switch {
	case !known:
		return fmt.Errorf("%w: node %d is not a peer of node %d", ErrRefused, node, p.opts.Self)
	case secure && !slices.Contains(names, NodeName(node)):
		return fmt.Errorf("%w: the certificate is not %s's", ErrRefused, NodeName(node))
	}
	return nil
}

// peerSpare bounds the memory that is kept for a peer's long frames, which often come in a row.
const peerSpare = 512 << 10

// receive hands the frames of a peer's connection to Receive until it ends. A
// newer connection of the same peer ends it: the older one is half dead then.
func (p *Peers) receive(from machine.Node, conn net.Conn, in *frameReader) error {
	p.mu.Lock()
	q := p.peers[from]
	if q == nil {
		p.mu.Unlock()
		return fmt.Errorf("%w: node %d was removed", ErrRefused, from)
	}
	if q.in != nil {
		q.in.Close()
	}
	q.in = conn
	p.mu.Unlock()
	select {
	case q.back <- struct{}{}: // it lives: dial it without further waiting
	default:
	}
	in.idle, in.max, in.keep = 0, p.opts.Message, peerSpare
	for {
		frame, err := in.next()
		if err != nil {
			return err
		}
		p.stats.received.Add(1)
		p.stats.in.Add(int64(prefixSize + len(frame)))
		p.opts.Receive(from, frame)
	}
}
