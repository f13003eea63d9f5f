// Package oracle holds what stage 2 writes and reads against implementations that are
// not ours: go-ipld-prime (DAG-CBOR, traversal), go-cid, and go-car (CAR version 1).
// It has tests only, in a module outside go.work, so that what they depend on never
// raises a version of the workspace:
//
//	cd p2-persist/oracle && GOWORK=off go test ./...
//
// # What is claimed
//
// Objects. A value has the same bytes from both encoders. Bytes are an object of ours
// if and only if go-ipld-prime's strict decoder takes them, its encoder gives them
// back, and the value is in the profile of package object: UTF-8, links that are a
// blob.ID, at most 16 levels. Its decoder alone takes more than DAG-CBOR allows; each
// thing that it takes and we refuse has a test of its own, so that a new version that
// changes one is seen.
//
// Names. A blob.ID has the bytes and the text of a go-cid, and we refuse every other
// text that means one.
//
// CARs. What we write, go-car reads, inspects with hashes checked, and walks from root
// to leaf; what it writes in version 1, we read. What we read, it reads alike.
//
// Seeds are fixed: a failure prints -rapid.seed and is there again in the next run. To
// try others, give -rapid.seed=N, and -rapid.checks=N for more of them.
package oracle
