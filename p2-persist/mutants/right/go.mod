module dss.example/p2-persist/mutants/right

go 1.26.0
