module dss.example/p5-sharedlog

go 1.26.0

replace dss.example/common => ../common
