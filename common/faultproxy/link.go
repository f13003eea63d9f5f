package faultproxy

import (
	"net"
	"sync"
)

// link is a client's connection and the one to the server that belongs to it. Two
// streams, of two goroutines each, carry what flows.
type link struct {
	proxy   *Proxy
	number  uint64
	client  net.Conn
	done    chan struct{} // closed by cut
	counted sync.Once     // what countCut does

	request, answer *stream // set before they start

	mu       sync.Mutex // guards what follows
	server   net.Conn   // nil until dialled
	ended    bool       // done is closed
	hello    []byte     // the client's first frame, if it opens a connection of numbered requests
	silenced [2]bool    // by direction
	torn     bool       // notices do not tell the truth any more
	copied   map[uint64]struct{}
}

// maxCopied bounds the requests of a link that were copied and not answered yet.
const maxCopied = 1024

func newLink(p *Proxy, client net.Conn, number uint64) *link {
	return &link{
		proxy: p, number: number, client: client,
		done: make(chan struct{}), copied: make(map[uint64]struct{}),
	}
}

// serve carries everything until both directions have ended.
func (l *link) serve() {
	defer l.proxy.forget(l)
	defer l.close()
	if !l.dial() {
		l.cut()
		return
	}
	l.request = newStream(l, toServer, l.client, l.server)
	l.answer = newStream(l, toClient, l.server, l.client)
	var streams sync.WaitGroup
	for _, s := range []*stream{l.request, l.answer} {
		streams.Go(s.read)
		streams.Go(s.write)
	}
	streams.Wait()
}

// dial connects to the server, after the partition.
func (l *link) dial() bool {
	if !l.proxy.pass(l.done) {
		return false
	}
	conn, err := l.proxy.cfg.Dial(l.proxy.ctx)
	if err != nil {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended {
		reset(conn)
		return false
	}
	l.server = conn
	return true
}

// countCut counts a Cut of the link: one, though both directions may come to it at once.
func (l *link) countCut() {
	l.counted.Do(func() { l.proxy.count.faults[Cut].Add(1) })
}

// cut ends the link abruptly.
func (l *link) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended {
		return
	}
	l.ended = true
	close(l.done)
	reset(l.client)
	if l.server != nil {
		reset(l.server)
	}
}

// close ends the link after both directions have.
func (l *link) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended {
		return
	}
	l.ended = true
	close(l.done)
	l.client.Close()
	l.server.Close()
}

// silence swallows all that comes from now on in one direction or in both, each
// with equal chance. The proxy's mutex is held.
func (l *link) silence(x float64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.silenced[toServer] = l.silenced[toServer] || x < 2.0/3
	l.silenced[toClient] = l.silenced[toClient] || x >= 1.0/3
}

func (l *link) isSilenced() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.silenced[toServer] || l.silenced[toClient]
}

func (l *link) swallows(d direction) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.silenced[d]
}

// opened keeps the client's first frame.
func (l *link) opened(frame []byte) {
	if len(frame) > maxHello || !isCalls(frame) {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.hello = frame
}

// helloOfCalls returns the client's first frame, nil unless requests are numbered.
func (l *link) helloOfCalls() []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.hello
}

// tear tells that a request or an answer has left the stream.
func (l *link) tear() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.torn = true
}

// copies tells that a copy of a request is on its way. It returns false if too
// many are.
func (l *link) copies(request []byte) bool {
	seq, ok := requestNumber(request)
	l.mu.Lock()
	defer l.mu.Unlock()
	if !ok || len(l.copied) >= maxCopied {
		return false
	}
	l.torn = true
	l.copied[seq] = struct{}{}
	return true
}

// lies reports whether an answer or notice claims that something was not executed
// which may have been, or may yet be.
func (l *link) lies(answer []byte) bool {
	seq, code, ok := answerHead(answer)
	if !ok {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	_, copied := l.copied[seq]
	delete(l.copied, seq)
	return code != 0 && copied || seq == 0 && l.torn
}

// isNotice reports whether a frame to the client ends the connection.
func isNotice(frame []byte) bool {
	seq, _, ok := answerHead(frame)
	return ok && seq == 0
}
