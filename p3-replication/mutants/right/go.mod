module dss.example/p3-replication/mutants/right

go 1.26.0
