package collect

import (
	"fmt"

	"dss.example/common/blob"
	"dss.example/p2-persist/history"
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

// reach marks a blob and whatever it leads to, beside what is marked already.
func (c *collection) reach(root blob.ID) error {
	for _, err := range history.MarkBeside(c.reached, c.blobs, root) {
		if err == nil {
			err = c.ctx.Err()
		}
		if err != nil {
			return err
		}
		if c.stats.Reached++; c.stats.Reached%tellEvery == 0 {
			c.tell()
		}
	}
	return nil
}
