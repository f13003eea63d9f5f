package procedure_test

import (
	"fmt"

	"dss.example/p3-replication/procedure"
)

// A meeting-room scheduler, after figure 3 of the Bayou paper: a write books a room, its
// dependency check asks whether the hour is still free, and its merge procedure tries the
// alternates in the order that the person has given.
func Example() {
	const check = `db.get(update[0].key) == None`
	const merge = `
ALTERNATES = ["room/10:30", "room/12:00"]

def merge(db, update):
    for slot in ALTERNATES:
        if db.get(slot) == None:
            db.put(slot, update[0].value)
            return
    fail("no alternate is free for", update[0].value)
`
	i := procedure.New(procedure.Standard())
	book := func(taken state) {
		update := []procedure.Change{put("room/9:30", "budget meeting")}
		if free, err := i.Check(check, taken, update); free || err != nil {
			fmt.Println("as asked:", string(update[0].Value), "at", update[0].Key)
			return
		}
		made, err := i.Merge(merge, taken, update)
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println("instead:", string(made[0].Value), "at", made[0].Key)
	}
	book(stateOf())
	book(stateOf("room/9:30", "staff", "room/10:30", "staff"))
	book(stateOf("room/9:30", "staff", "room/10:30", "staff", "room/12:00", "lunch"))
	// Output:
	// as asked: budget meeting at room/9:30
	// instead: budget meeting at room/12:00
	// merge procedure, 9:9: no alternate is free for budget meeting
}

// A bibliography, after section 2 of the Bayou paper: two people who are cut off choose the
// same key for different works. The one that comes later in the order is given the next key
// that is free; the same work entered twice is entered once.
func Example_keyReassignment() {
	const source = `
def check(db, update):
    return db.get(update[0].key) == None

def merge(db, update):
    entry = update[0]
    for letter in "abcdefghijklmnopqrstuvwxyz".elems():
        key = entry.key + letter
        held = db.get(entry.key if letter == "a" else key)
        if held == entry.value:
            return
        if letter != "a" and held == None:
            db.put(key, entry.value)
            return
    fail("all letters of %s are taken" % entry.key)
`
	i := procedure.New(procedure.Standard())
	db := stateOf("bib/Ter95", "Managing update conflicts in Bayou")
	for _, title := range []string{"Managing update conflicts in Bayou", "Experiences with Bayou", "Session guarantees"} {
		update := []procedure.Change{put("bib/Ter95", title)}
		free, err := i.Check(source, db, update)
		if err != nil {
			fmt.Println(err)
		}
		if free {
			db = db.with(update...)
			continue
		}
		made, err := i.Merge(source, db, update)
		if err != nil {
			fmt.Println(err)
		}
		db = db.with(made...)
	}
	for key, title := range db.Scan("", "") {
		fmt.Printf("%s %s\n", key, title)
	}
	// Output:
	// bib/Ter95 Managing update conflicts in Bayou
	// bib/Ter95b Experiences with Bayou
	// bib/Ter95c Session guarantees
}

// Mail, after section 2 of the Bayou paper: a message is put into a folder if it is where the
// writer has seen it, so that a conflict is whatever has changed what was read. If it was deleted
// meanwhile it stays so; if it was put elsewhere, it is found in both places.
func Example_whatWasRead() {
	const check = `db.get("mail/7") == "inbox"`
	const merge = `
def merge(db, update):
    now = db.get("mail/7")
    if now != None:
        db.put("mail/7", now + " " + update[0].value)
`
	i := procedure.New(procedure.Standard())
	file := []procedure.Change{put("mail/7", "travel")}
	for _, db := range []state{stateOf("mail/7", "inbox"), stateOf("mail/7", "money"), stateOf()} {
		made := file
		asRead, err := i.Check(check, db, file)
		if err == nil && !asRead {
			made, err = i.Merge(merge, db, file)
		}
		fmt.Println("as it was read:", asRead, err)
		for _, c := range made {
			fmt.Printf("  %s is in %s\n", c.Key, c.Value)
		}
	}
	// Output:
	// as it was read: true <nil>
	//   mail/7 is in travel
	// as it was read: false <nil>
	//   mail/7 is in money travel
	// as it was read: false <nil>
}

// A constraint on values: 100 leave an account only if they are in it, whatever was drawn
// elsewhere in the meantime. What is drawn is computed again from what is there.
func Example_valueConstraint() {
	const check = `int(db.get("ann", "0")) >= 100`
	const draw = `
def merge(db, update):
    balance = int(db.get("ann", "0"))
    if balance < 20:
        fail("ann has %d: not even 20 can be drawn" % balance)
    db.put("ann", str(balance - 20))
`
	i := procedure.New(procedure.Standard())
	for _, balance := range []string{"130", "99", "5"} {
		db := stateOf("ann", balance)
		enough, err := i.Check(check, db, nil)
		fmt.Println(balance, "is enough:", enough, err)
		if !enough {
			made, err := i.Merge(draw, db, nil)
			for _, c := range made {
				fmt.Printf("  drawn: %s has %s\n", c.Key, c.Value)
			}
			if err != nil {
				fmt.Println(" ", err)
			}
		}
	}
	// Output:
	// 130 is enough: true <nil>
	// 99 is enough: false <nil>
	//   drawn: ann has 79
	// 5 is enough: false <nil>
	//   merge procedure, 5:13: ann has 5: not even 20 can be drawn
}

// What reads the world, or cannot be metered, is refused where the write is accepted.
func ExampleInterpreter_ValidateMerge() {
	i := procedure.New(procedure.Standard())
	for _, source := range []string{
		"load('clock', 'now')",
		"def merge(db, update):\n    db.put('seen', str(hash('a')))",
		"def merge(db, update):\n    db.put('half', str(1 / 2))",
		"def merge(db, update):\n    return now()",
	} {
		fmt.Println(i.ValidateMerge(source))
	}
	// Output:
	// merge procedure, 1:1: load is not allowed: a procedure sees nothing but the state
	// merge procedure, 2:24: hash is not allowed: it would show the interpreter and not the state
	// merge procedure, 2:26: / is not allowed: // divides and rounds down
	// merge procedure, 2:12: undefined: now
}
