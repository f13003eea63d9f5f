package stage3

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
)

// probe is two tables of keys with a version vector each, and the least that has to be said.
// It never has to order, undo or name anything, keeps nothing, and is told who the other is.
type probe struct{ sides [2]*probeSide }

// probeSide knows the writes of both sides, each side's in order and without a gap: its
// vector is how many of each.
type probeSide struct {
	self  int
	conn  net.Conn
	logs  [2][]probeWrite
	table map[string][]byte
}

type probeWrite struct {
	key   string
	value []byte
}

const maxProbeBytes = 1 << 16 // of a key or a value

func openProbe(_ string, writes int) (pair, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	defer ln.Close()
	near, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		return nil, err
	}
	far, err := ln.Accept()
	if err != nil {
		return nil, errors.Join(err, near.Close())
	}
	p := &probe{}
	for i, conn := range []net.Conn{near, far} {
		p.sides[i] = &probeSide{self: i, conn: conn, table: make(map[string][]byte)}
		for k := range writes {
			p.sides[i].learn(i, probeWrite{key(i, k), make([]byte, valueBytes)})
		}
	}
	return p, nil
}

func (s *probeSide) learn(of int, w probeWrite) {
	s.logs[of] = append(s.logs[of], w)
	s.table[w.key] = w.value
}

// Meet implements pair.
func (p *probe) Meet() error {
	errs := make([]error, len(p.sides))
	var meeting sync.WaitGroup
	for i, s := range p.sides {
		meeting.Go(func() { errs[i] = s.meet() })
	}
	meeting.Wait()
	return errors.Join(errs...)
}

// meet tells the vector, and at the same time reads the other's answer and answers itself.
func (s *probeSide) meet() error {
	in, out := bufio.NewReaderSize(s.conn, 64<<10), bufio.NewWriterSize(s.conn, 64<<10)
	var vector [8]byte
	for i, log := range s.logs {
		binary.BigEndian.PutUint32(vector[4*i:], uint32(len(log)))
	}
	if _, err := s.conn.Write(vector[:]); err != nil {
		return err
	}
	if _, err := io.ReadFull(in, vector[:]); err != nil {
		return err
	}
	mine := s.logs[s.self]
	reach := int(binary.BigEndian.Uint32(vector[4*s.self:]))
	if reach > len(mine) {
		return fmt.Errorf("the other has %d of %d writes", reach, len(mine))
	}
	sent := make(chan error, 1)
	go func() { sent <- send(out, mine[reach:]) }()
	return errors.Join(s.take(in), <-sent)
}

func send(out *bufio.Writer, writes []probeWrite) error {
	b := binary.BigEndian.AppendUint32(nil, uint32(len(writes)))
	for _, w := range writes {
		b = binary.BigEndian.AppendUint32(b, uint32(len(w.key)))
		b = binary.BigEndian.AppendUint32(append(b, w.key...), uint32(len(w.value)))
		if _, err := out.Write(append(b, w.value...)); err != nil {
			return err
		}
		b = b[:0]
	}
	_, _ = out.Write(b) // an error is Flush's too
	return out.Flush()
}

// take learns what the other sends.
func (s *probeSide) take(in *bufio.Reader) error {
	var head [4]byte
	if _, err := io.ReadFull(in, head[:]); err != nil {
		return err
	}
	for n := binary.BigEndian.Uint32(head[:]); n > 0; n-- {
		name, err := readBytes(in)
		if err != nil {
			return err
		}
		value, err := readBytes(in)
		if err != nil {
			return err
		}
		s.learn(1-s.self, probeWrite{string(name), value})
	}
	return nil
}

func readBytes(in *bufio.Reader) ([]byte, error) {
	var head [4]byte
	if _, err := io.ReadFull(in, head[:]); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(head[:])
	if n > maxProbeBytes {
		return nil, fmt.Errorf("%d bytes: want at most %d", n, maxProbeBytes)
	}
	b := make([]byte, n)
	_, err := io.ReadFull(in, b)
	return b, err
}

// Agree implements pair.
func (p *probe) Agree() (float64, error) {
	want := len(p.sides[0].logs[0]) + len(p.sides[1].logs[1])
	for _, s := range p.sides {
		if len(s.table) != want {
			return 0, errWrites(len(s.table), want)
		}
	}
	return 0, nil
}

// Close implements pair.
func (p *probe) Close() error { return errors.Join(p.sides[0].conn.Close(), p.sides[1].conn.Close()) }
