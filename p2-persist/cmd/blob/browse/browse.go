package browse

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"path"
	"strings"
	"time"

	"dss.example/common/blob"

	"dss.example/p2-persist/dir"
	"dss.example/p2-persist/history"
	"dss.example/p2-persist/object"
)

// Bounds of what is answered.
const (
	MaxRequests = 64   // at a time
	pageEntries = 1000 // of a directory
	pageLog     = 50   // snapshots
)

// Options say for whom the store is shown.
type Options struct {
	Loopback bool             // answer only requests for "localhost" or a loopback address
	Now      func() time.Time // the clock for "ago"; nil is time.Now
}

// New returns the handler of a store. It may be used as long as the store is open.
func New(blobs blob.Store, h history.History, o Options) http.Handler {
	if o.Now == nil {
		o.Now = time.Now
	}
	b := &browser{blobs: blobs, history: h, o: o, free: make(chan struct{}, MaxRequests)}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", b.page(b.index))
	mux.HandleFunc("GET /log/{ref}", b.page(b.log))
	mux.HandleFunc("GET /at/{ref}/{path...}", b.page(b.at))
	mux.HandleFunc("GET /blob/{id}", b.page(b.blob))
	return b.guard(mux)
}

// browser answers requests.
type browser struct {
	blobs   blob.Store
	history history.History
	o       Options
	free    chan struct{} // holds one for each request that is answered
}

// policy lets a page show itself and pictures of the store, and do nothing else.
const policy = "default-src 'none'; style-src 'unsafe-inline'; img-src 'self'; base-uri 'none'; " +
	"form-action 'none'; frame-ancestors 'none'; sandbox allow-downloads"

// guard is what all answers have in common.
func (b *browser) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		if b.o.Loopback && !isLoopback(r.Host) {
			http.Error(w, "this store is shown to its own machine only: ask for http://localhost", http.StatusMisdirectedRequest)
			return
		}
		select {
		case b.free <- struct{}{}:
			defer func() { <-b.free }()
			next.ServeHTTP(w, r)
		default:
			h.Set("Retry-After", "1")
			http.Error(w, fmt.Sprintf("more than %d requests at a time", MaxRequests), http.StatusServiceUnavailable)
		}
	})
}

// isLoopback reports whether a Host header names this machine.
func isLoopback(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	addr, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return host == "localhost" || err == nil && addr.IsLoopback()
}

// page makes a handler of one that may fail before it has answered.
func (b *browser) page(f func(http.ResponseWriter, *http.Request) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if err := f(w, r); err != nil {
			http.Error(w, err.Error(), status(err))
		}
	}
}

// status is the code of an error.
func status(err error) int {
	for _, e := range []error{history.ErrSpec, history.ErrAmbiguous, blob.ErrBadID, fs.ErrInvalid} {
		if errors.Is(err, e) {
			return http.StatusBadRequest
		}
	}
	for _, e := range []error{history.ErrUnknown, fs.ErrNotExist, blob.ErrNotFound} {
		if errors.Is(err, e) {
			return http.StatusNotFound
		}
	}
	return http.StatusInternalServerError
}

func (b *browser) index(w http.ResponseWriter, _ *http.Request) error {
	branches, err := b.history.Branches()
	tags, err2 := b.history.Tags()
	if err := errors.Join(err, err2); err != nil {
		return err
	}
	return show(w, indexPage, map[string]any{"Title": "store", "Branches": branches, "Tags": tags})
}

func (b *browser) log(w http.ResponseWriter, r *http.Request) error {
	ref := r.PathValue("ref")
	from := r.FormValue("from")
	if from == "" {
		from = ref
	}
	id, err := b.history.Resolve(from, b.o.Now())
	if err != nil {
		return err
	}
	entries, next := []history.Entry{}, ""
	for e, err := range history.Log(b.blobs, id) {
		if err != nil {
			return err
		}
		if len(entries) == pageLog {
			next = "/log/" + url.PathEscape(ref) + "?from=" + e.ID.String()
			break
		}
		entries = append(entries, e)
	}
	return show(w, logPage, map[string]any{"Title": "log of " + ref, "Entries": entries, "Next": next})
}

// at shows what a path leads to. Directories end in a slash, so that their links do.
func (b *browser) at(w http.ResponseWriter, r *http.Request) error {
	id, err := b.history.Resolve(r.PathValue("ref"), b.o.Now())
	if err != nil {
		return err
	}
	snapshot, err := history.Load(b.blobs, id)
	if err != nil {
		return err
	}
	name := strings.TrimSuffix(r.PathValue("path"), "/")
	if name == "" {
		name = "."
	}
	f, err := dir.NewFS(b.blobs, snapshot.Root).Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	isSlashed := strings.HasSuffix(r.URL.Path, "/")
	switch {
	case !info.IsDir() && isSlashed:
		return fmt.Errorf("%w: %q is a file", fs.ErrNotExist, name)
	case !info.IsDir():
		serveFile(w, r, info, f)
		return nil
	case !isSlashed:
		http.Redirect(w, r, r.URL.EscapedPath()+"/", http.StatusMovedPermanently)
		return nil
	}
	return b.directory(w, r, info.Sys().(dir.Entry).Link, name)
}

// serveFile serves a file, or the ranges of it that were asked for. The name decides what
// it is; the bytes are not asked.
func serveFile(w http.ResponseWriter, r *http.Request, info fs.FileInfo, f fs.File) {
	if strings.HasSuffix(path.Ext(info.Name()), "html") { // to be read, not to be run
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	}
	http.ServeContent(w, r, info.Name(), info.ModTime(), f.(io.ReadSeeker))
}

// directory shows a page of the entries of a directory.
func (b *browser) directory(w http.ResponseWriter, r *http.Request, id blob.ID, name string) error {
	d, err := dir.Load(b.blobs, id)
	if err != nil {
		return err
	}
	after, entries, next := r.FormValue("after"), []dir.Entry{}, ""
	for e, err := range d.Entries() {
		if err == nil {
			err = r.Context().Err()
		}
		if err != nil {
			return err
		}
		if e.Name <= after {
			continue
		}
		if len(entries) == pageEntries {
			next = "?after=" + url.QueryEscape(entries[pageEntries-1].Name)
			break
		}
		entries = append(entries, e)
	}
	return show(w, directoryPage, map[string]any{
		"Title": r.PathValue("ref") + ": " + name, "ID": d.ID(), "IsTop": name == ".",
		"Entries": entries, "Count": d.Len(), "Next": next,
	})
}

// blob shows any blob as it is stored.
func (b *browser) blob(w http.ResponseWriter, r *http.Request) error {
	id, err := blob.Parse(r.PathValue("id"))
	if err != nil {
		return err
	}
	bytes, err := b.blobs.Get(id)
	if err != nil {
		return err
	}
	if id.Codec() == blob.Raw {
		w.Header().Set("Content-Type", "application/octet-stream")
		_, _ = w.Write(bytes) // who is gone needs no error
		return nil
	}
	text, err := object.Diagnose(bytes)
	if err != nil {
		return err
	}
	return show(w, blobPage, map[string]any{"Title": id.String(), "Text": text})
}
