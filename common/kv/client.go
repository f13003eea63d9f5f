package kv

import (
	"context"
	"iter"
	"slices"
	"sync"
	"time"
)

// Client is a Store as people call it: a method for each operation, an error for
// each Status. It adds no retries, sessions or sequence numbers; a Store may.
//
// # Errors
//
// A method's error wraps exactly one of this package's sentinels, the one of the
// response's Status: ErrMaybe when the outcome is unknown, ErrBadResponse when the
// response does not fit the question (the outcome is unknown then, too), and else
// the reason why it was definitely not done. Every method may return ErrMaybe,
// ErrBadResponse, ErrUnavailable, ErrOverloaded, ErrInvalid, ErrTooLarge,
// ErrUnsupported, ErrUnsatisfied, and below sessions ErrNoSession and ErrForgotten;
// its comment names what else it may return.
//
// # One Client, one caller
//
// A Client hands on the Token of each response with its next request, by which a
// Store keeps its promises to one caller, such as "read your writes". It is safe
// for concurrent use, but of calls that overlap the Token of the last response
// wins: a caller who wants session guarantees makes one call at a time, and two
// callers have a Client each.
type Client struct {
	store  Store
	level  Level
	at     Version
	caller *caller
}

// caller is what all Clients made from one share.
type caller struct {
	mu    sync.Mutex
	token []byte // guarded by mu; the bytes never change
}

// NewClient returns a Client of a new caller that asks for LevelDefault.
func NewClient(s Store) *Client { return &Client{store: s, caller: new(caller)} }

// With returns a Client of the same caller that asks for level. A Store that does
// not reach it answers with ErrUnsupported.
func (c *Client) With(level Level) *Client {
	d := *c
	d.level = level
	return &d
}

// At returns a Client of the same caller that reads the state of revision rev; the
// zero Version is the present. Its reads also return ErrCompacted and ErrFutureRev,
// its writes ErrInvalid. It needs CapRevisions.
func (c *Client) At(rev Version) *Client {
	d := *c
	d.at = rev
	return &d
}

// Resume makes the caller go on where another left off, or begin with what a Token says:
// token is that of a Client, or of Guarantees.
func (c *Client) Resume(token []byte) { c.caller.set(slices.Clone(token)) }

// Token returns what the last response gave for the next request, to Resume with; nil if
// there was none.
func (c *Client) Token() []byte { return slices.Clone(c.caller.get()) }

// Offers tells what the Store promises.
func (c *Client) Offers() Caps { return c.store.Offers() }

// Do executes req with the Client's level, revision and token filled in, and
// returns the whole response, never nil: what the other methods leave out. With an
// error other than ErrConflict its Result is of no use.
func (c *Client) Do(ctx context.Context, req Request) (*Response, error) {
	req.Level, req.At, req.Token = c.level, c.at, c.caller.get()
	if bad := Check(&req); bad != nil {
		return bad, bad.Err()
	}
	resp := c.store.Do(ctx, &req)
	if err := checkResponse(&req, resp); err != nil {
		return &Response{Status: Maybe, Detail: err.Error()}, err
	}
	c.caller.set(resp.Token)
	return resp, resp.Err()
}

func (c *caller) get() []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.token
}

// set keeps the last token that there was: a refusal on the way to the Store has
// none, and must not make the caller forget what it saw.
func (c *caller) set(token []byte) {
	if len(token) == 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.token = token
}

// ask executes op and returns its result, which checkResponse has found to be a T.
func ask[T Result](ctx context.Context, c *Client, op Op) (T, error) {
	resp, err := c.Do(ctx, Request{Op: op})
	if err != nil {
		var none T
		return none, err
	}
	return resp.Result.(T), nil
}

// change executes op and returns the revision of the write.
func (c *Client) change(ctx context.Context, op Op) (Version, error) {
	resp, err := c.Do(ctx, Request{Op: op})
	if err != nil {
		return Version{}, err
	}
	return resp.Rev, nil
}

// Get reads a key. ErrNotFound if there is none.
func (c *Client) Get(ctx context.Context, key string) (Item, error) {
	return ask[Item](ctx, c, Get{Key: key})
}

// WriteOption says how Put and CAS write.
type WriteOption func(*writing)

type writing struct{ lease LeaseID }

// Under puts the key under a lease, with which it will be deleted. It needs
// CapLeases; without it, a write takes the key out of its lease.
func Under(lease LeaseID) WriteOption { return func(w *writing) { w.lease = lease } }

func written(opts []WriteOption) (w writing) {
	for _, opt := range opts {
		opt(&w)
	}
	return w
}

// Put sets a key and returns the revision of the write. ErrNoLease if it is to
// stand under a lease that does not exist.
func (c *Client) Put(ctx context.Context, key string, value []byte, opts ...WriteOption) (Version, error) {
	return c.change(ctx, Put{Key: key, Value: value, Lease: written(opts).lease})
}

// Delete removes a key and returns the revision of the write. ErrNotFound if there
// is no such key.
func (c *Client) Delete(ctx context.Context, key string) (Version, error) {
	return c.change(ctx, Delete{Key: key})
}

// Append adds bytes to the end of a key's value and returns its new length.
// ErrTooLarge, and nothing written, if that would exceed MaxValue. It needs
// CapAppend.
func (c *Client) Append(ctx context.Context, key string, value []byte) (int, error) {
	length, err := ask[Length](ctx, c, Append{Key: key, Value: value})
	return length.Bytes, err
}

// CAS sets a key if its version (Item.Mod) is still old, where zero means that it
// is absent, and returns the revision of the write. With ErrConflict it returns
// the version that the key has instead, zero if it is absent. ErrNoLease as Put.
// It needs CapCompare.
func (c *Client) CAS(ctx context.Context, key string, old Version, value []byte, opts ...WriteOption) (Version, error) {
	resp, err := c.Do(ctx, Request{Op: CAS{Key: key, Old: old, Value: value, Lease: written(opts).lease}})
	switch {
	case err == nil:
		return resp.Rev, nil
	case resp.Status == Conflict && resp.Result != nil:
		return resp.Result.(Item).Mod, err
	}
	return Version{}, err
}

// Txn executes a transaction. Its Outcomes are as many as the operations of the
// branch that was done, each with the result that fits its operation. ErrTooLarge
// or ErrNoLease, and nothing written, if one of its writes is refused. It needs
// CapCompare.
func (c *Client) Txn(ctx context.Context, txn Txn) (TxnResult, error) {
	return ask[TxnResult](ctx, c, txn)
}

// MultiGet reads many keys: those that exist are in the result. MaxTxnOps of them
// at a time are read in one atomic step, where the Store offers CapCompare, else
// each by itself. On an error, nothing is returned.
func (c *Client) MultiGet(ctx context.Context, keys ...string) (map[string]Item, error) {
	page := 1
	if c.Offers().Has.Has(CapCompare) {
		page = MaxTxnOps
	}
	items := make(map[string]Item, len(keys))
	for some := range slices.Chunk(keys, page) {
		if err := c.getSome(ctx, some, items); err != nil {
			return nil, err
		}
	}
	return items, nil
}

func (c *Client) getSome(ctx context.Context, keys []string, items map[string]Item) error {
	if len(keys) == 1 {
		resp, err := c.Do(ctx, Request{Op: Get{Key: keys[0]}})
		if resp.Status == NotFound {
			return nil
		}
		if err == nil {
			items[keys[0]] = resp.Result.(Item)
		}
		return err
	}
	gets := make([]Op, len(keys))
	for i, key := range keys {
		gets[i] = Get{Key: key}
	}
	found, err := c.Txn(ctx, Txn{Then: gets})
	for _, o := range found.Outcomes {
		if o.Status == OK {
			item := o.Result.(Item)
			items[item.Key] = item
		}
	}
	return err
}

// Scan reads a range of keys, as much of it as fits in one answer.
func (c *Client) Scan(ctx context.Context, scan Scan) (Items, error) {
	return ask[Items](ctx, c, scan)
}

// pageItems is how many items All asks for at once. The Store may give fewer.
const pageItems = 1000

// All iterates over the keys from (inclusive) to (exclusive, empty means to the
// end), page by page. Where the Store offers CapRevisions all pages show the state
// of one revision, the Client's or that of the first page; a long iteration may
// then end with ErrCompacted. Elsewhere each page shows the state of its moment.
// The first error is the last pair.
func (c *Client) All(ctx context.Context, from, to string) iter.Seq2[Item, error] {
	return func(yield func(Item, error) bool) {
		c, from := c, from // each use of the iterator starts again
		for {
			resp, err := c.Do(ctx, Request{Op: Scan{From: from, To: to, Limit: pageItems}})
			if err != nil {
				yield(Item{}, err)
				return
			}
			page := resp.Result.(Items)
			for _, item := range page.List {
				if !yield(item, nil) {
					return
				}
			}
			if !page.More {
				return
			}
			from = page.List[len(page.List)-1].Key + "\x00"
			if c.at.IsZero() && c.Offers().Has.Has(CapRevisions) {
				c = c.At(resp.Rev)
			}
		}
	}
}

// Events waits at most wait for changes; see the operation [Events]. ErrCompacted
// if After is older than the history that is kept. It needs CapWatch.
func (c *Client) Events(ctx context.Context, events Events, wait time.Duration) (EventList, error) {
	resp, err := c.Do(ctx, Request{Op: events, Wait: wait})
	if err != nil {
		return EventList{}, err
	}
	return resp.Result.(EventList), nil
}

// Watch iterates over the changes of the keys with a prefix after the revision
// after, where zero means from now on, by long polls of MaxWait each. It ends when
// the consumer breaks off or with the first error as its last pair: ErrCompacted
// if it fell behind the history that is kept, the cause of ctx when that has ended.
// Whoever goes on after another error does so from the Mod of the last Item. It
// needs CapWatch.
func (c *Client) Watch(ctx context.Context, prefix string, after Version) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		poll := Events{From: prefix, To: PrefixEnd(prefix), After: after}
		for {
			found, err := c.Events(ctx, poll, MaxWait)
			if err != nil {
				if ctx.Err() != nil {
					err = context.Cause(ctx)
				}
				yield(Event{}, err)
				return
			}
			for _, event := range found.List {
				if !yield(event, nil) {
					return
				}
			}
			poll.After = found.Next
		}
	}
}

// Grant makes a lease of a time to live from MinTTL to MaxTTL. It needs CapLeases,
// as KeepAlive, Revoke, Leases and Lease do.
func (c *Client) Grant(ctx context.Context, ttl time.Duration) (LeaseInfo, error) {
	return ask[LeaseInfo](ctx, c, Grant{TTL: ttl})
}

// KeepAlive renews a lease for its full time to live. ErrNoLease if it does not
// exist or has expired.
func (c *Client) KeepAlive(ctx context.Context, lease LeaseID) (LeaseInfo, error) {
	return ask[LeaseInfo](ctx, c, KeepAlive{Lease: lease})
}

// Revoke ends a lease and deletes its keys. ErrNoLease if it does not exist or has
// expired.
func (c *Client) Revoke(ctx context.Context, lease LeaseID) error {
	_, err := c.change(ctx, Revoke{Lease: lease})
	return err
}

// Leases lists all leases, in order of IDs and without their keys.
func (c *Client) Leases(ctx context.Context) ([]LeaseInfo, error) {
	list, err := ask[LeaseList](ctx, c, Leases{})
	return list.List, err
}

// Lease tells of one lease, with its keys. ErrNoLease if it does not exist or has
// expired; lease must not be 0 (ErrInvalid).
func (c *Client) Lease(ctx context.Context, lease LeaseID) (LeaseInfo, error) {
	if lease == 0 {
		return LeaseInfo{}, Refuse(Invalid, "lease 0 is none").Err()
	}
	list, err := ask[LeaseList](ctx, c, Leases{Lease: lease})
	if err != nil {
		return LeaseInfo{}, err
	}
	return list.List[0], nil
}

// Stat tells of the store, with the hash of its whole state if that is asked for,
// which takes time in proportion to the state. It needs CapStat.
func (c *Client) Stat(ctx context.Context, hash bool) (Stats, error) {
	return ask[Stats](ctx, c, Stat{Hash: hash})
}

// OpenSession makes a session that ends when it is not used for ttl, from MinTTL
// to MaxTTL. Package session of stage 1 does with it what is to be done. It needs
// CapSessions.
func (c *Client) OpenSession(ctx context.Context, ttl time.Duration) (SessionInfo, error) {
	return ask[SessionInfo](ctx, c, OpenSession{TTL: ttl})
}
