module dss.example/common/course

go 1.26.0

require (
	dss.example/common v0.0.0
	github.com/google/go-cmp v0.7.0
	github.com/stretchr/testify v1.12.1
	go.yaml.in/yaml/v3 v3.0.5
	golang.org/x/tools v0.52.0
	pgregory.net/rapid v1.3.0
)

replace dss.example/common => ..

tool dss.example/common/course/cmd/ds
