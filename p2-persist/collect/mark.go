package collect

import (
	"fmt"

	"dss.example/common/blob"
	"dss.example/p2-persist/history"
	"dss.example/p2-persist/object"
)

const (
	looks     = 2    // at the heads
	tellEvery = 1024 // blobs
)

// mark reaches all that the heads lead to. It looks at the heads a second time, for they
// may have moved meanwhile: what they lead to now was put before the mark by somebody who
// was slow. That takes no time if they have not, for nothing is reached twice.
func (c *collection) mark() error {
	for range looks {
		heads, err := c.heads.List()
		if err != nil {
			return err
		}
		c.stats.Heads = 0
		for _, h := range heads {
			if h.Name == Head {
				continue
			}
			if err := c.reach(h.ID); err != nil {
				return fmt.Errorf("from the head %q: %w", h.Name, err)
			}
			c.stats.Heads++
			c.tell()
		}
	}
	return c.ctx.Err()
}

// reach marks a blob and whatever it leads to, as history.Mark does, beside what is marked
// already.
func (c *collection) reach(root blob.ID) error {
	var pending []blob.ID // a stack; all in it are reached
	push := func(id blob.ID) {
		if _, ok := c.reached[id]; !ok {
			c.reached[id] = struct{}{}
			pending = append(pending, id)
		}
	}
	for push(root); len(pending) > 0; {
		if err := c.ctx.Err(); err != nil {
			return err
		}
		id := pending[len(pending)-1]
		pending = pending[:len(pending)-1]
		if err := c.follow(id, push); err != nil {
			return err
		}
		if len(c.reached) > history.MaxMarked {
			return fmt.Errorf("%w: more than %d", history.ErrTooMany, history.MaxMarked)
		}
		if c.stats.Reached++; c.stats.Reached%tellEvery == 0 {
			c.tell()
		}
	}
	return nil
}

// follow calls push for the links of a blob. Raw blobs have none and are not read.
func (c *collection) follow(id blob.ID, push func(blob.ID)) error {
	if id.Codec() == blob.Raw {
		return nil
	}
	b, err := c.blobs.Get(id)
	if err != nil {
		return err
	}
	for link, err := range object.Links(b) {
		if err != nil {
			return fmt.Errorf("%v: %w", id, err)
		}
		push(link)
	}
	return nil
}
