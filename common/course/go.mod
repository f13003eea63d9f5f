module dss.example/common/course

go 1.26.0

require (
	dss.example/common v0.0.0
	go.yaml.in/yaml/v3 v3.0.5
)

replace dss.example/common => ..

tool dss.example/common/course/cmd/ds
