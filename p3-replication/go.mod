module dss.example/p3-replication

go 1.26.0

replace dss.example/common => ../common
