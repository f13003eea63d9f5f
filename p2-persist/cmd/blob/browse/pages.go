package browse

import (
	"bytes"
	"html/template"
	"net/http"
	"net/url"
	"time"

	"dss.example/p2-persist/dir"
)

// The pages, each with a title and what is under it.
const (
	frame = `<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>{{.Title}}</title>
<style>body{font-family:sans-serif;margin:2em}td,th{padding:.1em 1em .1em 0;text-align:left}
td.n{text-align:right}pre,code{white-space:pre-wrap;overflow-wrap:anywhere}</style></head>
<body><p><a href="/">store</a></p><h1>{{.Title}}</h1>
{{template "body" .}}
</body></html>
`
	indexPage = `{{range .Branches}}<p><a href="/at/{{segment .Name}}/">{{.Name}}</a>, <a href="/log/{{segment .Name}}">log</a></p>
{{else}}<p>There is no branch.</p>
{{end}}{{range .Tags}}<p>tag <a href="/at/{{segment .Name}}/">{{.Name}}</a>, <a href="/log/{{segment .Name}}">log</a></p>
{{end}}`
	logPage = `<table>{{range .Entries}}
<tr><td><a href="/at/{{.ID}}/">{{when .Time}}</a></td><td>{{.Author}}</td><td><pre>{{.Message}}</pre></td><td><a href="/blob/{{.ID}}">object</a></td></tr>{{end}}
</table>{{with .Next}}<p><a href="{{.}}">older</a></p>{{end}}`
	directoryPage = `<p>{{.Count}} entries, <a href="/blob/{{.ID}}">object</a></p>
<table>{{if not .IsTop}}
<tr><td><a href="../">..</a></td></tr>{{end}}{{range .Entries}}
<tr><td>{{if isDir .}}<a href="./{{segment .Name}}/">{{.Name}}/</a>{{else}}<a href="./{{segment .Name}}">{{.Name}}</a>{{end}}` +
		`{{with .Target}} → {{.}}{{end}}</td><td class="n">{{if isFile .}}{{.Size}}{{end}}</td><td>{{if .Mtime}}{{when .Mtime}}{{end}}</td></tr>{{end}}
</table>{{with .Next}}<p><a href="{{.}}">more</a></p>{{end}}`
	blobPage = `<pre>{{.Text}}</pre>`
)

// show answers with a page, or with nothing of it.
func show(w http.ResponseWriter, body string, data map[string]any) error {
	t, err := template.New("frame").Funcs(template.FuncMap{
		"segment": url.PathEscape, // one segment of a path, whatever is in it
		"when":    func(ns int64) string { return time.Unix(0, ns).UTC().Format("2006-01-02 15:04:05Z") },
		"isDir":   func(e dir.Entry) bool { return e.Kind == dir.Dir },
		"isFile":  func(e dir.Entry) bool { return e.Kind == dir.File },
	}).Parse(frame)
	if err == nil {
		_, err = t.New("body").Parse(body)
	}
	var page bytes.Buffer
	if err == nil {
		err = t.Execute(&page, data)
	}
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = page.WriteTo(w) // who is gone needs no error
	return nil
}
