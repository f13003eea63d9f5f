module dss.example/p1-kvrpc/mutants/right

go 1.26.0
