module dss.example/p4-consensus

go 1.26.0

require (
	dss.example/common v0.0.0
	dss.example/p1-kvrpc v0.0.0
	dss.example/p2-persist v0.0.0
	github.com/fxamacker/cbor/v2 v2.9.6
	github.com/google/go-cmp v0.7.0
	github.com/stretchr/testify v1.12.1
	github.com/tidwall/btree v1.8.2
	go.uber.org/goleak v1.3.0
	pgregory.net/rapid v1.3.0
)

require (
	github.com/anishathalye/porcupine v1.3.1 // indirect
	github.com/x448/float16 v0.8.4 // indirect
	go.yaml.in/yaml/v3 v3.0.5 // indirect
)

replace dss.example/common => ../common

replace dss.example/p1-kvrpc => ../p1-kvrpc

replace dss.example/p2-persist => ../p2-persist
