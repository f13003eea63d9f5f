module dss.example/p3-replication

go 1.26.0

replace dss.example/common => ../common

require (
	dss.example/common v0.0.0
	github.com/fxamacker/cbor/v2 v2.9.6
	github.com/google/go-cmp v0.7.0
	github.com/stretchr/testify v1.12.1
	github.com/tidwall/btree v1.8.2
	pgregory.net/rapid v1.3.0
)

require (
	github.com/anishathalye/porcupine v1.3.1 // indirect
	golang.org/x/sys v0.42.0 // indirect
)

require (
	dss.example/p1-kvrpc v0.0.0
	dss.example/p2-persist v0.0.0
	github.com/x448/float16 v0.8.4 // indirect
	go.starlark.net v0.0.0-20260908191801-89a6a09411d5
	go.yaml.in/yaml/v3 v3.0.5 // indirect
)

replace dss.example/p1-kvrpc => ../p1-kvrpc

replace dss.example/p2-persist => ../p2-persist
