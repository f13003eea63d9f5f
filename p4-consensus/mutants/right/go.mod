module dss.example/p4-consensus/mutants/right

go 1.26.0
