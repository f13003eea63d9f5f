module dss.example/p4-consensus

go 1.26.0

replace dss.example/common => ../common
