package browse_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dss.example/common/blob"
	"dss.example/common/disk"

	"dss.example/p2-persist/chunk"
	"dss.example/p2-persist/cmd/blob/browse"
	"dss.example/p2-persist/datadir"
	"dss.example/p2-persist/dir"
	"dss.example/p2-persist/file"
	"dss.example/p2-persist/history"
	"dss.example/p2-persist/object"
	"dss.example/p2-persist/pack"
)

// site is a store that is shown.
type site struct {
	t     testing.TB
	store *datadir.Store
	http.Handler
}

func newSite(t testing.TB, o browse.Options) *site {
	s, err := datadir.OpenStore(disk.NewMemory(), pack.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return &site{t, s, browse.New(s.Blobs, s.History(), o)}
}

// file stores a file and returns its entry.
func (s *site) file(name, contents string) dir.Entry {
	id, size, err := file.Write(s.store.Blobs, strings.NewReader(contents), chunk.Default())
	require.NoError(s.t, err)
	return dir.Entry{Name: name, Kind: dir.File, Mode: 0o644, Size: size, Mtime: 1e18, Link: id}
}

// directory stores a directory and returns its entry.
func (s *site) directory(name string, entries ...dir.Entry) dir.Entry {
	id, err := dir.Save(s.store.Blobs, entries)
	require.NoError(s.t, err)
	return dir.Entry{Name: name, Kind: dir.Dir, Mode: 0o755, Mtime: 1e18, Link: id}
}

// commit adds a snapshot of some entries to a branch.
func (s *site) commit(branch, message string, entries ...dir.Entry) blob.ID {
	next := history.Snapshot{Root: s.directory("root", entries...).Link, Time: 1e18, Author: "<i>ann", Message: message}
	if tip, err := s.store.History().Resolve(branch, time.Now()); err == nil {
		next.Parents = []blob.ID{tip}
	}
	id, err := s.store.History().Commit(branch, next)
	require.NoError(s.t, err)
	return id
}

// get asks for a path as it stands on the wire.
func (s *site) get(path string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, path, nil)
	r.Host = "localhost:7012"
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

var href = regexp.MustCompile(`href="([^"]*)"`)

// crawl follows every link from a page on, and returns what each path has answered.
func (s *site) crawl(from string) map[string]*httptest.ResponseRecorder {
	seen := map[string]*httptest.ResponseRecorder{}
	for todo := []string{from}; len(todo) > 0; todo = todo[1:] {
		at := todo[0]
		if seen[at] != nil {
			continue
		}
		w := s.get(at)
		seen[at] = w
		if !strings.HasPrefix(w.Header().Get("Content-Type"), "text/html") {
			continue
		}
		base, err := url.Parse(at)
		require.NoError(s.t, err)
		for _, m := range href.FindAllStringSubmatch(w.Body.String(), -1) {
			to, err := base.Parse(strings.NewReplacer("&amp;", "&", "&#39;", "'", "&#43;", "+").Replace(m[1]))
			require.NoError(s.t, err)
			require.Empty(s.t, to.Host, "a link leads elsewhere: %s", m[1])
			require.Empty(s.t, to.Scheme)
			todo = append(todo, to.String())
		}
	}
	return seen
}

// strange are names that mean something else wherever they are not escaped.
var strange = []string{
	"a b", "100%", "%2e%2e", "%2F", "a?b=c", "a#b", "<script>alert(1)", `"onmouseover="x`, "javascript:alert(1)",
	"a&amp;b", "a\\b", "..a", "...", "größe", "日本", "a:b", "a+b", "a;b", "'", "a\nb", "index.html", "\u202etxt",
}

func TestEveryLinkLeadsToWhatItNames(t *testing.T) {
	s := newSite(t, browse.Options{Loopback: true})
	var entries, inner []dir.Entry
	for i, name := range strange {
		entries = append(entries, s.directory("dir "+name, s.file(name, fmt.Sprint("inner ", i))))
		inner = append(inner, s.file(name, fmt.Sprint("outer ", i)))
	}
	s.commit("feature/with-slash", "<b>bold</b>", append(entries, inner...)...)
	pages := s.crawl("/")
	found := map[string]bool{}
	for path, w := range pages {
		require.Equal(t, http.StatusOK, w.Code, "%s: %s", path, w.Body)
		require.NotContains(t, w.Body.String(), "<script")
		require.NotContains(t, w.Body.String(), "<b>bold")
		require.NotContains(t, w.Body.String(), "<i>ann")
		found[w.Body.String()] = true
	}
	for i, name := range strange {
		require.True(t, found[fmt.Sprint("inner ", i)], "%q was not met", name)
		require.True(t, found[fmt.Sprint("outer ", i)], "%q was not met", name)
	}
}

func TestARangeOfAFileIsServed(t *testing.T) {
	s := newSite(t, browse.Options{Loopback: true})
	text := strings.Repeat("0123456789", 100_000)
	s.commit("main", "", s.file("digits.txt", text))
	w := s.get("/at/main/digits.txt", "Range", "bytes=500003-500007")
	require.Equal(t, http.StatusPartialContent, w.Code)
	require.Equal(t, "34567", w.Body.String())
	require.Equal(t, "bytes 500003-500007/1000000", w.Header().Get("Content-Range"))
	w = s.get("/at/main/digits.txt")
	require.Equal(t, text, w.Body.String())
	require.Equal(t, "text/plain; charset=utf-8", w.Header().Get("Content-Type"))
	require.Equal(t, http.StatusNotModified, s.get("/at/main/digits.txt", "If-Modified-Since", w.Header().Get("Last-Modified")).Code)
	require.Equal(t, http.StatusRequestedRangeNotSatisfiable, s.get("/at/main/digits.txt", "Range", "bytes=2000000-").Code)
}

func TestNothingBesideTheDirectoryIsShown(t *testing.T) {
	s := newSite(t, browse.Options{Loopback: true})
	secret := s.file("secret", "secret")
	s.commit("secret", "", secret)
	s.commit("main", "", s.file("a", "a"), dir.Entry{Name: "up", Kind: dir.Symlink, Target: "../secret"},
		dir.Entry{Name: "root", Kind: dir.Symlink, Target: "/etc/passwd"}, dir.Entry{Name: "loop", Kind: dir.Symlink, Target: "loop"})
	for path, code := range map[string]int{
		"/at/main/../secret/secret":         http.StatusTemporaryRedirect, // the path is made clean, and asked for again
		"/at/main/%2e%2e/secret":            http.StatusBadRequest,
		"/at/main/%2e%2e%2fsecret%2fsecret": http.StatusBadRequest,
		"/at/main/up":                       http.StatusNotFound,
		"/at/main/root":                     http.StatusNotFound,
		"/at/main/loop":                     http.StatusNotFound,
		"/at/main/a/":                       http.StatusNotFound,
		"/at/main/b":                        http.StatusNotFound,
		"/at/nothing/":                      http.StatusNotFound,
		"/at/main@yesterday/":               http.StatusBadRequest,
		"/log/nothing":                      http.StatusNotFound,
		"/blob/x":                           http.StatusBadRequest,
		"/blob/" + blob.Sum(blob.Raw, []byte("not there")).String(): http.StatusNotFound,
		"/etc/passwd": http.StatusNotFound,
	} {
		w := s.get(path)
		require.Equal(t, code, w.Code, "%s: %s", path, w.Body)
		require.NotContains(t, w.Body.String(), "root:x:")
	}
}

func TestAPageFromTheStoreCanDoNothing(t *testing.T) {
	s := newSite(t, browse.Options{Loopback: true})
	s.commit("main", "", s.file("evil.html", "<script>alert(1)</script>"), s.file("evil.xhtml", "<html/>"), s.file("noname", "<script>"), s.file("p.svg", "<svg/>"))
	for _, path := range []string{"/", "/at/main/", "/at/main/evil.html", "/at/main/p.svg", "/nothing"} {
		h := s.get(path).Header()
		require.Contains(t, h.Get("Content-Security-Policy"), "default-src 'none'")
		require.Contains(t, h.Get("Content-Security-Policy"), "sandbox")
		require.NotContains(t, h.Get("Content-Security-Policy"), "allow-scripts")
		require.Equal(t, "nosniff", h.Get("X-Content-Type-Options"))
	}
	for _, name := range []string{"evil.html", "evil.xhtml"} {
		require.Equal(t, "text/plain; charset=utf-8", s.get("/at/main/"+name).Header().Get("Content-Type"))
	}
}

func TestOnALoopbackAddressOnlyLocalNamesAreAnswered(t *testing.T) {
	s := newSite(t, browse.Options{Loopback: true})
	open := newSite(t, browse.Options{})
	for host, code := range map[string]int{
		"localhost": 200, "localhost:80": 200, "127.0.0.1:7012": 200, "[::1]:7012": 200, "127.9.9.9": 200,
		"evil.example": 421, "evil.example:7012": 421, "10.0.0.1": 421, "localhost.evil.example": 421, "": 421,
	} {
		for _, one := range []*site{s, open} {
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			r.Host = host
			w := httptest.NewRecorder()
			one.ServeHTTP(w, r)
			if one == s {
				require.Equal(t, code, w.Code, host)
			} else {
				require.Equal(t, 200, w.Code, host)
			}
		}
	}
}

func TestLongListsComeInPages(t *testing.T) {
	s := newSite(t, browse.Options{Loopback: true})
	var entries []dir.Entry
	for i := range 2500 {
		entries = append(entries, dir.Entry{Name: fmt.Sprintf("f%04d", i), Kind: dir.Symlink, Target: "nowhere"})
	}
	for i := range 120 {
		s.commit("main", fmt.Sprint("message ", i, "."), entries[:i+1]...)
	}
	s.commit("large", "", entries...)
	names, pages := 0, 0
	for next := "/at/large/"; next != ""; pages++ {
		body := s.get(next).Body.String()
		names += strings.Count(body, "nowhere")
		next = ""
		if m := regexp.MustCompile(`href="(\?after=[^"]*)"`).FindStringSubmatch(body); m != nil {
			next = "/at/large/" + m[1]
		}
	}
	require.Equal(t, []int{2500, 3}, []int{names, pages})

	all := ""
	for next := "/log/main"; next != ""; {
		body := s.get(next).Body.String()
		all += body
		next = ""
		if m := regexp.MustCompile(`href="([^"]*)">older`).FindStringSubmatch(body); m != nil {
			next = strings.ReplaceAll(m[1], "&amp;", "&")
		}
	}
	for i := range 120 {
		require.Equal(t, 1, strings.Count(all, fmt.Sprint("message ", i, ".")), i)
	}
}

func TestAnObjectIsShownInDiagnosticNotation(t *testing.T) {
	s := newSite(t, browse.Options{Loopback: true})
	id, err := object.Save(s.store.Blobs, map[string]any{"text": "<script>"})
	require.NoError(t, err)
	require.Contains(t, s.get("/blob/"+id.String()).Body.String(), `{&#34;text&#34;: &#34;&lt;script&gt;&#34;}`)
	raw, err := s.store.Blobs.Put(blob.Raw, []byte("raw"))
	require.NoError(t, err)
	w := s.get("/blob/" + raw.String())
	require.Equal(t, "raw", w.Body.String())
	require.Equal(t, "application/octet-stream", w.Header().Get("Content-Type"))
}

// stuck is an answer that nobody takes.
type stuck struct {
	http.ResponseWriter
	began chan<- struct{}
	until <-chan struct{}
}

func (w stuck) Write(b []byte) (int, error) {
	w.began <- struct{}{}
	<-w.until
	return w.ResponseWriter.Write(b)
}

func TestMoreThanTheBoundOfRequestsAreRefusedAtOnce(t *testing.T) {
	s := newSite(t, browse.Options{Loopback: true})
	began, until, ended := make(chan struct{}), make(chan struct{}), make(chan struct{})
	for range browse.MaxRequests {
		go func() {
			defer func() { ended <- struct{}{} }()
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			r.Host = "localhost"
			s.ServeHTTP(stuck{httptest.NewRecorder(), began, until}, r)
		}()
		<-began
	}
	w := s.get("/")
	require.Equal(t, http.StatusServiceUnavailable, w.Code)
	require.Equal(t, "1", w.Header().Get("Retry-After"))
	close(until)
	for range browse.MaxRequests {
		<-ended
	}
	require.Equal(t, http.StatusOK, s.get("/").Code)
}

func TestOnlyReadingIsAllowed(t *testing.T) {
	s := newSite(t, browse.Options{})
	for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodPatch} {
		w := httptest.NewRecorder()
		s.ServeHTTP(w, httptest.NewRequest(method, "/", nil))
		require.Equal(t, http.StatusMethodNotAllowed, w.Code)
	}
}
