module dss.example/p2-persist

go 1.26.0

replace dss.example/common => ../common
