module dss.example/p4-consensus

go 1.26.0

require (
	dss.example/common v0.0.0
	dss.example/p1-kvrpc v0.0.0
)

require (
	github.com/anishathalye/porcupine v1.3.1 // indirect
	github.com/tidwall/btree v1.8.2 // indirect
)

replace dss.example/common => ../common

replace dss.example/p1-kvrpc => ../p1-kvrpc

replace dss.example/p2-persist => ../p2-persist
