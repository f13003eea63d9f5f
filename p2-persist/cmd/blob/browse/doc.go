// Package browse shows the history of a store to a browser, and changes nothing.
//
//	/                    branches and tags
//	/log/REF?from=ID     the snapshots of one, newest first, a page at a time
//	/at/REF/PATH         a directory, or a file (with ranges), in the snapshot that REF means
//	/blob/ID             an object in diagnostic notation, or raw bytes
//
// REF is one segment, in which "/" is written as %2F; it is what history.Resolve takes.
//
// # Trust
//
// Whatever the store holds came from somewhere. A path leads into the directory that was
// asked for or nowhere (package dir); names are escaped in pages and in links; and every
// answer tells the browser to run no script, to load nothing from elsewhere and not to
// guess types, so that a page from the store cannot read the others. On a loopback
// address only requests for a loopback host are answered, or any page of the web could
// have its own name lead here.
//
// At most MaxRequests are answered at a time; others get 503.
package browse
