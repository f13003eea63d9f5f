module dss.example/common/course

go 1.26
