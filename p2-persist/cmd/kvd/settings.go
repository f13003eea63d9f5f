package main

import (
	"flag"
	"fmt"
	"strconv"
	"time"

	"dss.example/p2-persist/checkpoint"
)

// settings are what the flags of this stage say, and below them what only tests change.
type settings struct {
	keep    int64 // checkpoints
	records int64 // between two of them
	memory  int64 // MiB of old states

	bytes   int64         // of records between two checkpoints; 0 is the default, and so below
	look    time.Duration // between two looks at whether one is due
	collect uint64        // checkpoints between two collections
}

// Bounds of the flags; checkpoint.MaxKeep is one too.
const (
	maxRecords = 1 << 30
	maxMemory  = 1 << 16
)

// declare declares the flags, and sets what they say by themselves.
func (s *settings) declare(f *flag.FlagSet) {
	number(f, &s.keep, checkpoint.DefaultKeep, checkpoint.MaxKeep, "keep-checkpoints",
		"keep the last `N` checkpoints and the log between them: so far back can old revisions be read")
	number(f, &s.records, checkpoint.DefaultRecords, maxRecords, "checkpoint-every",
		"take a checkpoint every `N` records: earlier if they are large, later if the state is")
	number(f, &s.memory, 64, maxMemory, "past-memory",
		"hold old states in `MIB` of memory for the next reads of old revisions")
}

// number declares a flag that holds a number from 1 to most.
func number(f *flag.FlagSet, p *int64, preset, most int64, name, usage string) {
	*p = preset
	f.Var(numberValue{p, most}, name, usage)
}

type numberValue struct {
	p    *int64
	most int64
}

// String implements flag.Value.
func (v numberValue) String() string {
	if v.p == nil {
		return ""
	}
	return strconv.FormatInt(*v.p, 10)
}

// Set implements flag.Value.
func (v numberValue) Set(s string) error {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 1 || n > v.most {
		return fmt.Errorf("want 1 to %d", v.most)
	}
	*v.p = n
	return nil
}
