package stage4

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"sync/atomic"

	"dss.example/common/stable"
)

// probe is the least that a leader does who has no rivals. See the package comment.
type probe struct {
	closers
	syncs   atomic.Uint64
	log     stable.Log
	conns   []net.Conn     // both ends of those to the followers
	wake    chan struct{}  // holds a token if somebody waits
	running sync.WaitGroup // everything that uses logs and connections

	mu      sync.Mutex       // guards what follows
	batch   []byte           // commands that wait for the leader, as a frame
	waiting []chan error     // who proposed them
	sent    [][]chan error   // who proposed what is under way, the oldest batch first
	first   uint64           // number of that batch
	synced  [replicas]uint64 // batches that each replica has; number 0 leads
	err     error            // why it has ended
}

// maxFrame bounds a batch, in bytes.
const maxFrame = 4 << 20

var errEnded = errors.New("the group has ended")

func openProbe(dir string, durable bool) (group, error) {
	p := &probe{wake: make(chan struct{}, 1), first: 1, batch: make([]byte, 4)}
	var logs [replicas]stable.Log
	for i := range logs {
		log, closeLog, err := openLog(dir, i, durable, &p.syncs)
		if err != nil {
			return nil, errors.Join(err, p.Close())
		}
		p.add(closeLog)
		logs[i] = log
	}
	p.add(p.stop)
	p.log = logs[0]
	for i := 1; i < replicas; i++ {
		if err := p.follower(i, logs[i]); err != nil {
			return nil, errors.Join(err, p.Close())
		}
	}
	p.running.Go(p.lead)
	return p, nil
}

// stop returns when nothing runs any more.
func (p *probe) stop() error {
	p.fail(errEnded)
	for _, conn := range p.conns {
		_ = conn.Close() // whoever uses it sees that
	}
	p.running.Wait()
	return nil
}

// Syncs implements group.
func (p *probe) Syncs() uint64 { return p.syncs.Load() }

// Propose implements group.
func (p *probe) Propose(command []byte) error {
	done := make(chan error, 1)
	p.mu.Lock()
	if p.err != nil {
		p.mu.Unlock()
		return p.err
	}
	p.batch = binary.BigEndian.AppendUint32(p.batch, uint32(len(command)))
	p.batch = append(p.batch, command...)
	p.waiting = append(p.waiting, done)
	p.mu.Unlock()
	p.nudge()
	return <-done
}

func (p *probe) nudge() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// lead sends what waits, saves it, and sends again what has gathered meanwhile.
func (p *probe) lead() {
	frame := make([]byte, 4)
	for number := uint64(1); ; number++ {
		var ok bool
		if frame, ok = p.take(frame[:4]); !ok {
			return
		}
		if err := p.replicate(frame); err != nil {
			p.fail(err)
			return
		}
		p.advance(0, number)
	}
}

// take waits for commands and returns them as a frame; other is the next one's memory.
func (p *probe) take(other []byte) ([]byte, bool) {
	for {
		p.mu.Lock()
		if p.err != nil {
			p.mu.Unlock()
			return nil, false
		}
		if frame := p.batch; len(p.waiting) > 0 {
			p.batch = other
			p.sent = append(p.sent, p.waiting)
			p.waiting = nil
			p.mu.Unlock()
			binary.BigEndian.PutUint32(frame, uint32(len(frame)-4))
			return frame, true
		}
		p.mu.Unlock()
		<-p.wake
	}
}

func (p *probe) replicate(frame []byte) error {
	for i := 0; i < len(p.conns); i += 2 {
		if _, err := p.conns[i].Write(frame); err != nil {
			return err
		}
	}
	if _, err := p.log.Append(frame); err != nil {
		return err
	}
	return p.log.Sync()
}

// follower starts replica i and what the leader hears of it.
func (p *probe) follower(i int, log stable.Log) error {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer ln.Close()
	near, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		return err
	}
	p.conns = append(p.conns, near)
	far, err := ln.Accept()
	if err != nil {
		return err
	}
	p.conns = append(p.conns, far)
	p.running.Go(func() { p.fail(follow(far, log)) })
	p.running.Go(func() { p.fail(p.hear(i, near)) })
	return nil
}

// follow saves every frame that is there, syncs once, and tells how many it has.
func follow(conn net.Conn, log stable.Log) error {
	in := bufio.NewReaderSize(conn, 1<<20)
	var frame []byte
	for have := uint64(0); ; {
		for more := true; more; more = in.Buffered() > 0 {
			var err error
			if frame, err = readFrame(in, frame); err != nil {
				return err
			}
			if _, err := log.Append(frame); err != nil {
				return err
			}
			have++
		}
		if err := log.Sync(); err != nil {
			return err
		}
		if _, err := conn.Write(binary.BigEndian.AppendUint64(nil, have)); err != nil {
			return err
		}
	}
}

// readFrame reads a frame into memory that it may replace.
func readFrame(in *bufio.Reader, into []byte) ([]byte, error) {
	var head [4]byte
	if _, err := io.ReadFull(in, head[:]); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(head[:])
	if n > maxFrame {
		return nil, fmt.Errorf("a frame of %d bytes: want at most %d", n, maxFrame)
	}
	into = slices.Grow(into[:0], int(n))[:n]
	_, err := io.ReadFull(in, into)
	return into, err
}

// hear takes what a follower tells.
func (p *probe) hear(i int, conn net.Conn) error {
	var have [8]byte
	for {
		if _, err := io.ReadFull(conn, have[:]); err != nil {
			return err
		}
		p.advance(i, binary.BigEndian.Uint64(have[:]))
	}
}

// advance notes how many batches a replica has, and answers what two of three have.
func (p *probe) advance(i int, have uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.synced[i] = have
	sorted := p.synced
	slices.Sort(sorted[:])
	for ; p.first <= sorted[1] && len(p.sent) > 0; p.first++ {
		for _, done := range p.sent[0] {
			done <- nil
		}
		p.sent = p.sent[1:]
	}
}

// fail ends everything with an error, the first one that there is.
func (p *probe) fail(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err == nil {
		p.err = err
	}
	for _, who := range append(p.sent, p.waiting) {
		for _, done := range who {
			done <- p.err
		}
	}
	p.sent, p.waiting = nil, nil
	p.nudge()
}
