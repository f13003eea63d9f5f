package procedure_test

import (
	"testing"

	"dss.example/p3-replication/procedure"
)

// The programs are compiled before: a replica meets the same few again and again.

func BenchmarkCheck(b *testing.B) {
	i := procedure.New(procedure.Standard())
	change := []procedure.Change{put("room/13:00", "ann")}
	for b.Loop() {
		if holds, err := i.Check(`db.get(update[0].key) == None`, bank, change); !holds || err != nil {
			b.Fatal(holds, err)
		}
	}
}

func BenchmarkMerge(b *testing.B) {
	const src = `
ALTERNATES = ["room/12:00", "room/13:00", "room/14:00"]

def merge(db, update):
    for slot in ALTERNATES:
        if db.get(slot) == None:
            db.put(slot, update[0].value)
            return
    fail("no alternate is free")
`
	i := procedure.New(procedure.Standard())
	change := []procedure.Change{put("room/12:00", "bob")}
	for b.Loop() {
		if made, err := i.Merge(src, bank, change); len(made) != 1 || err != nil {
			b.Fatal(made, err)
		}
	}
}

func BenchmarkCompile(b *testing.B) {
	for b.Loop() {
		if err := procedure.New(procedure.Standard()).ValidateCheck(programOfStatements); err != nil {
			b.Fatal(err)
		}
	}
}
