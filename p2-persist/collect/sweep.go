package collect

import (
	"context"
	"errors"

	"dss.example/common/blob"
	"dss.example/p2-persist/head"
	"dss.example/p2-persist/pack"
)

// sweep deletes what has been condemned for long enough and condemns the rest. The list
// follows the deletes, also when the sweep is stopped in the middle.
func (c *collection) sweep(m pack.Mark) error {
	if c.o.Grace == 0 {
		if err := c.dropList(); err != nil {
			return err
		}
	}
	st, err := c.blobs.Sweep(c.ctx, m, c.isNeeded, pack.SweepOptions{Grace: c.marks(), Progress: c.count})
	c.count(st)
	if err != nil {
		return errors.Join(err, c.keepList(m, st.Last))
	}
	if c.o.Grace == 0 {
		return nil
	}
	return c.replaceList(m)
}

// marks returns how many marks beside ours a blob must have been left alone for: with a
// grace one, so that the list, which knew of the blob at that mark, is right about it.
func (c *collection) marks() uint32 {
	if c.o.Grace == 0 {
		return 0
	}
	return 1
}

// isNeeded tells whether a blob that is not young must stay. A blob that must is on the
// next list, unless something leads to it. It is called in ascending order.
func (c *collection) isNeeded(id blob.ID) bool {
	if c.isReached(id) {
		return true
	}
	if c.o.Grace == 0 {
		return false
	}
	since, ok := c.list.since(id)
	if since = min(since, c.now); !ok { // the clock may have been set back
		since = c.now
	}
	if ok && c.now-since >= int64(c.o.Grace) {
		return false
	}
	c.condemn(id, since)
	return true
}

// isReached tells whether a head leads to a blob. That of the list does not count among
// the heads, so the nodes of the list are asked for here.
func (c *collection) isReached(id blob.ID) bool {
	_, isReached := c.reached[id]
	_, isNode := c.list.nodes[id]
	return isReached || isNode
}

func (c *collection) condemn(id blob.ID, since int64) {
	if len(c.next) < MaxCondemned {
		c.next = append(c.next, entry{id, since})
	}
}

// count takes over how far a sweep is.
func (c *collection) count(st pack.SweepStats) {
	c.stats.Young, c.stats.Swept, c.stats.SweptBytes = st.Young, st.Swept, st.Bytes
	c.stats.Condemned = len(c.next)
	c.tell()
}

// keepList ends a collection that has come up to the blob after. Behind that the list
// stays as it is, but for what is young: the next Run, which has another mark, will not
// know that any more.
func (c *collection) keepList(m pack.Mark, after blob.ID) error {
	if c.o.Grace == 0 {
		return nil
	}
	ctx := context.WithoutCancel(c.ctx)
	_, err := c.blobs.Sweep(ctx, m, func(id blob.ID) bool {
		if since, ok := c.list.since(id); ok && !c.isReached(id) {
			c.condemn(id, since)
		}
		return true
	}, pack.SweepOptions{Grace: c.marks(), After: after, DryRun: true})
	if err != nil {
		return err
	}
	return c.replaceList(m)
}

// replaceList points the head to the next list. Then nothing leads to nodes that only the
// old one had: they are swept at once, for a grace of theirs would change the next list.
// A context that has ended does not keep it from that.
func (c *collection) replaceList(m pack.Mark) error {
	nodes, err := c.saveList()
	if err != nil {
		return err
	}
	spent := map[blob.ID]bool{}
	for id := range c.list.nodes {
		_, isNode := nodes[id]
		_, isReached := c.reached[id]
		if !isNode && !isReached {
			spent[id] = true
		}
	}
	if len(spent) == 0 {
		return nil
	}
	ctx := context.WithoutCancel(c.ctx)
	_, err = c.blobs.Sweep(ctx, m, func(id blob.ID) bool { return !spent[id] }, pack.SweepOptions{})
	return err
}

// dropList removes the list and its head, if there is one.
func (c *collection) dropList() error {
	err := c.heads.Delete(Head, head.Any)
	if errors.Is(err, head.ErrNotFound) {
		return nil
	}
	return err
}
