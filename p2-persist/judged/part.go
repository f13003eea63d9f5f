package judged

import (
	"errors"
	"fmt"
	"io"

	"dss.example/common/blob"
	"dss.example/common/disk"
	"dss.example/common/judge"

	"dss.example/p2-persist/judged/pipe"
)

// Bounds of what a part may do.
const (
	maxCallbacks = 1 << 15   // in one request
	maxWritten   = 256 << 20 // bytes, to one disk with what its files grow by, and to all stores
)

// part is the submission's cmd/parts at work, and the world that it is in: the judge's.
// One goroutine uses it.
type part struct {
	t     *judge.T
	p     *judge.Process
	conn  *pipe.Conn
	ended error // why it cannot be asked any more

	disk    disk.Disk
	blobs   *shelf
	done    func(n uint64) // what it says to be acknowledged
	written int64          // bytes, to this disk
	put     int64          // bytes, to stores
}

// shelf is a store of blobs that counts.
type shelf struct {
	*blob.Memory
	gets, puts int
}

func newShelf() *shelf { return &shelf{Memory: blob.NewMemory()} }

// Get implements blob.Store.
func (s *shelf) Get(id blob.ID) ([]byte, error) {
	s.gets++
	return s.Memory.Get(id)
}

// Put implements blob.Store.
func (s *shelf) Put(codec blob.Codec, b []byte) (blob.ID, error) {
	s.puts++
	return s.Memory.Put(codec, b)
}

// count returns how often get and put were called while fn ran.
func (s *shelf) count(fn func()) (gets, puts int) {
	gets, puts = s.gets, s.puts
	fn()
	return s.gets - gets, s.puts - puts
}

// newPart starts the submission's parts in an empty world.
func newPart(t *judge.T) *part {
	p := &part{t: t, disk: disk.NewMemory(), blobs: newShelf()}
	p.start()
	return p
}

func (p *part) start() {
	process, stream := p.t.Stream("parts")
	p.p, p.conn, p.ended = process, pipe.NewConn(stream), nil
}

// reboot ends the process and starts another one: what was in its memory is gone.
func (p *part) reboot() {
	p.p.Kill()
	p.p.Wait()
	p.start()
}

// enter gives the part another disk, on which it has nothing open.
func (p *part) enter(d disk.Disk) error {
	p.disk, p.written, p.done = d, 0, nil
	_, err := p.ask("forget", nil)
	return err
}

// words are the numbers of a request.
func words(n ...uint64) []uint64 { return n }

// ask asks for one thing, and serves what the part asks for meanwhile. The error is the
// part's, or tells that nobody answers.
func (p *part) ask(verb string, n []uint64, b ...[]byte) (pipe.Message, error) {
	if p.ended != nil {
		return pipe.Message{}, p.ended
	}
	m, err := p.exchange(pipe.Say(verb, n, b...))
	if err != nil {
		p.ended = err
		return pipe.Message{}, err
	}
	if err := m.Err(); err != nil {
		return pipe.Message{}, fmt.Errorf("%s: %w", verb, err)
	}
	return m, nil
}

var errAnswer = errors.New("no answer of parts")

// exchange sends a request and serves callbacks until the answer comes.
func (p *part) exchange(request pipe.Message) (pipe.Message, error) {
	err := p.conn.Send(request)
	for calls := 0; err == nil; calls++ {
		var m pipe.Message
		if m, err = p.conn.Receive(); err != nil {
			break
		}
		switch {
		case m.Verb == pipe.OK || m.Verb == pipe.Failed:
			return m, nil
		case calls >= maxCallbacks || max(p.written, p.put) > maxWritten:
			p.p.Kill()
			return m, fmt.Errorf("%w: %s asked for %d things and wrote %d MiB, and did not end", errAnswer, request.Verb, calls, max(p.written, p.put)>>20)
		}
		err = p.conn.Send(p.serve(m))
	}
	if errors.Is(err, io.EOF) {
		err = errors.New("the program has ended")
	}
	return pipe.Message{}, fmt.Errorf("%w to %s: %w", errAnswer, request.Verb, err)
}

// serve answers a callback, whatever is in it.
func (p *part) serve(m pipe.Message) pipe.Message {
	n, b := append(m.Numbers, 0)[0], append(m.Bytes, nil)[0]
	if m.Verb == pipe.Disk {
		return pipe.Say(pipe.OK, nil, p.call(b).AppendTo(nil))
	}
	p.put += int64(len(b))
	answer, err := p.serveBlobs(m, n, b)
	if err != nil {
		return pipe.Fail(err)
	}
	answer.Verb = pipe.OK
	return answer
}

func (p *part) call(b []byte) disk.Result {
	c, err := disk.DecodeCall(b)
	if err != nil {
		return disk.Result{Code: disk.BadCall}
	}
	p.written += int64(len(c.Data))
	if c.Op == disk.Preallocate {
		if c.Size > maxWritten {
			return disk.Result{Code: disk.NoSpace}
		}
		p.written += max(0, c.Size)
	}
	return p.disk.Do(c)
}

func (p *part) serveBlobs(m pipe.Message, n uint64, b []byte) (answer pipe.Message, err error) {
	switch m.Verb {
	case pipe.Put:
		id, err := p.blobs.Put(blob.Codec(n), b)
		return pipe.Say("", nil, id[:]), err
	case pipe.Get:
		b, err := p.blobs.Get(idOf(b))
		return pipe.Say("", nil, b), err
	case pipe.Stat, pipe.Delete:
		ids, err := m.IDs(0)
		if err != nil {
			return answer, err
		}
		if m.Verb == pipe.Delete {
			return answer, p.blobs.Delete(ids)
		}
		return listed(p.blobs.Stat(ids))
	case pipe.List:
		return listed(p.blobs.List(idOf(b), int(min(n, blob.MaxBatch+1))))
	case pipe.Sync:
		return answer, p.blobs.Sync()
	case pipe.Done:
		if p.done != nil {
			p.done(n)
		}
		return answer, nil
	}
	return answer, fmt.Errorf("no callback %.40q", m.Verb)
}

func listed(all []blob.Info, err error) (m pipe.Message, _ error) {
	for _, in := range all {
		m.Numbers, m.Bytes = append(m.Numbers, uint64(in.Size+1)), append(m.Bytes, in.ID[:])
	}
	return m, err
}

// idOf takes bytes for a name as they are: a store refuses what is none.
func idOf(b []byte) (id blob.ID) {
	copy(id[:], b)
	return id
}

// must is ask where the right answer is no error.
func (p *part) must(verb string, n []uint64, b ...[]byte) pipe.Message {
	m, err := p.ask(verb, n, b...)
	if err != nil {
		p.t.Fatalf("%v", err)
	}
	return m
}

// shaped is must for an answer that has so many numbers and byte strings.
func (p *part) shaped(numbers, texts int, verb string, n []uint64, b ...[]byte) pipe.Message {
	m := p.must(verb, n, b...)
	if len(m.Numbers) != numbers || len(m.Bytes) != texts {
		p.t.Fatalf("%s answered %d numbers and %d byte strings: want %d and %d", verb, len(m.Numbers), len(m.Bytes), numbers, texts)
	}
	return m
}

// refuses is ask where the right answer is an error.
func (p *part) refuses(want error, verb string, n []uint64, b ...[]byte) {
	_, err := p.ask(verb, n, b...)
	switch {
	case p.ended != nil:
		p.t.Fatalf("%v", p.ended)
	case !errors.Is(err, want):
		p.t.Errorf("%s answered %v: want the error %q", verb, orOK(err), want)
	}
}

// alike demands that two errors are both nil, or both of the same of some kinds.
func (p *part) alike(what string, got, want error, kinds ...error) {
	if p.ended != nil {
		p.t.Fatalf("%v", p.ended)
	}
	same := (got == nil) == (want == nil)
	for _, k := range kinds {
		same = same && errors.Is(got, k) == errors.Is(want, k)
	}
	if !same {
		p.t.Errorf("%s: answered %v: want %v", what, orOK(got), orOK(want))
	}
}

func orOK(err error) any {
	if err == nil {
		return "OK"
	}
	return err
}

// parts are the programs at the ends of worlds inside worlds: a crash is explored while
// the program that crashes waits for its disk, so who looks at what it left is another
// process, and finds on the disk what is there.
type parts struct {
	t     *judge.T
	all   []*part
	depth int
}

// in lets a part, fresh to that world, do something on a disk.
func (ps *parts) in(d disk.Disk, fn func(p *part) error) error {
	if ps.depth == len(ps.all) {
		ps.all = append(ps.all, newPart(ps.t))
	}
	p := ps.all[ps.depth]
	ps.depth++
	defer func() { ps.depth-- }()
	if err := p.enter(d); err != nil {
		return err
	}
	return fn(p)
}
