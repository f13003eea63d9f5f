package main

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dss.example/common/disk"
	"dss.example/common/kv"
	"dss.example/common/machine"
)

// pass lets time pass, in steps, with a read behind each: whoever asks next comes after all
// that was due by then.
func (c *computer) pass(d, step time.Duration) {
	for ; d > 0; d -= step {
		c.clock.Advance(machine.Time(min(step, d)))
		c.get("whatever")
	}
}

func TestACrashPutsALeaseOffByASecondAtMost(t *testing.T) {
	const ttl, lived = 10 * time.Second, 7 * time.Second
	for _, step := range []time.Duration{100 * time.Millisecond, 300 * time.Millisecond, time.Second} { // of the clock
		c := switchOn(t)
		lease := c.must(kv.Grant{TTL: ttl}).Result.(kv.LeaseInfo).ID
		c.must(kv.Put{Key: "k", Lease: lease})
		c.pass(lived, step)
		c.crash()
		c.pass(ttl-lived-time.Millisecond, time.Second)
		require.Equal(t, kv.OK, c.ask(kv.Request{Op: kv.Get{Key: "k"}}).Status, "no lease ends early")
		c.pass(time.Duration(maxLag)+step+time.Millisecond, time.Second)
		require.Equal(t, kv.NotFound, c.ask(kv.Request{Op: kv.Get{Key: "k"}}).Status)
		c.close()
	}
}

func TestTimeAloneIsSavedOnlyWhileSomethingIsToEnd(t *testing.T) {
	c := switchOn(t)
	require.Equal(t, kv.OK, c.put("k", "v"))
	var count atomic.Int64
	c.disk.Inject(func(_ int, call disk.Call) disk.Fault {
		if call.Op == disk.Sync {
			count.Add(1)
		}
		return disk.Fault{}
	})
	syncs := func() int { return int(count.Load()) }
	before := syncs()
	c.pass(time.Hour, time.Minute)
	require.Equal(t, before, syncs(), "nothing waits for the time to pass")
	c.must(kv.Grant{TTL: 10 * time.Second})
	before = syncs()
	c.pass(9*time.Second, 100*time.Millisecond)
	require.InDelta(t, 9, syncs()-before, 1, "once a second")
	c.pass(10*time.Second, 100*time.Millisecond)
	before = syncs()
	c.pass(time.Hour, time.Minute)
	require.Equal(t, before, syncs(), "the lease has ended")
	c.close()
}
