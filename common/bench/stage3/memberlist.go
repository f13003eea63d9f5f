package stage3

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log"
	"sync"
	"time"

	"github.com/hashicorp/memberlist"
)

// gossips is two members of hashicorp/memberlist, which are joined by one push and pull. Each
// sends all that it has, for it knows nothing of what the other lacks.
type gossips struct {
	writes int
	tables [2]*gossipTable
	lists  [2]*memberlist.Memberlist
}

// gossipTable is the state of a member: a version and a value for each key. It is a
// memberlist.Delegate.
type gossipTable struct {
	want int
	full chan struct{} // closed when there are as many keys as are wanted

	mu   sync.Mutex // guards what follows
	keys map[string]gossipValue
}

type gossipValue struct {
	version uint64
	value   []byte
}

// joinWithin bounds a meeting.
const joinWithin = 30 * time.Second

func openMemberlist(_ string, writes int) (pair, error) {
	g := &gossips{writes: writes}
	for i := range g.lists {
		t := &gossipTable{want: 2 * writes, full: make(chan struct{}), keys: make(map[string]gossipValue)}
		for k := range writes {
			t.keys[key(i, k)] = gossipValue{1, make([]byte, valueBytes)}
		}
		c := memberlist.DefaultLocalConfig()
		c.Name, c.BindAddr, c.BindPort, c.AdvertisePort = fmt.Sprint("member-", i), "127.0.0.1", 0, 0
		c.Delegate, c.Logger = t, log.New(io.Discard, "", 0)
		list, err := memberlist.Create(c)
		if err != nil {
			return nil, errors.Join(err, g.Close())
		}
		g.tables[i], g.lists[i] = t, list
	}
	return g, nil
}

// Meet implements pair.
func (g *gossips) Meet() error {
	if _, err := g.lists[0].Join([]string{g.lists[1].LocalNode().Address()}); err != nil {
		return err
	}
	late := time.After(joinWithin)
	for _, t := range g.tables {
		select {
		case <-t.full:
		case <-late:
			return errDiffer
		}
	}
	return nil
}

// Agree implements pair.
func (g *gossips) Agree() (float64, error) {
	for _, t := range g.tables {
		if have := t.len(); have != 2*g.writes {
			return 0, errWrites(have, 2*g.writes)
		}
	}
	return 0, nil
}

// Close implements pair.
func (g *gossips) Close() error {
	var err error
	for _, l := range g.lists {
		if l != nil {
			err = errors.Join(err, l.Shutdown())
		}
	}
	return err
}

func (t *gossipTable) len() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.keys)
}

// LocalState implements memberlist.Delegate.
func (t *gossipTable) LocalState(bool) []byte {
	t.mu.Lock()
	defer t.mu.Unlock()
	var b []byte
	for name, v := range t.keys {
		b = binary.AppendUvarint(b, v.version)
		b = append(binary.AppendUvarint(b, uint64(len(name))), name...)
		b = append(binary.AppendUvarint(b, uint64(len(v.value))), v.value...)
	}
	return b
}

// MergeRemoteState implements memberlist.Delegate. Bytes that are no state end it: the
// member lacks keys then.
func (t *gossipTable) MergeRemoteState(b []byte, _ bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for len(b) > 0 {
		version, n := binary.Uvarint(b)
		name, rest, ok := cutBytes(b[max(n, 0):])
		value, rest, also := cutBytes(rest)
		if n <= 0 || !ok || !also {
			return
		}
		b = rest
		if old, has := t.keys[string(name)]; !has || old.version < version {
			t.keys[string(name)] = gossipValue{version, value}
		}
	}
	if len(t.keys) == t.want {
		select {
		case <-t.full: // it was told before
		default:
			close(t.full)
		}
	}
}

// cutBytes takes bytes behind their number from b.
func cutBytes(b []byte) (cut, rest []byte, ok bool) {
	size, n := binary.Uvarint(b)
	if n <= 0 || size > uint64(len(b)-n) {
		return nil, nil, false
	}
	return b[n : n+int(size)], b[n+int(size):], true
}

// NodeMeta implements memberlist.Delegate.
func (t *gossipTable) NodeMeta(int) []byte { return nil }

// NotifyMsg implements memberlist.Delegate.
func (t *gossipTable) NotifyMsg([]byte) {}

// GetBroadcasts implements memberlist.Delegate.
func (t *gossipTable) GetBroadcasts(int, int) [][]byte { return nil }
