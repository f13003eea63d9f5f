// Parts is what a submission's cmd/parts should not be. The last bytes of its own file
// tell it how to misbehave.
package main

import (
	"bytes"
	"errors"
	"io"
	"os"
	"strings"

	"dss.example/common/disk"

	"dss.example/p2-persist/judged/pipe"
)

// stdio is a program's end of the judge's pipe.
type stdio struct {
	io.Reader
	io.Writer
}

// markSize is how many bytes tell.
const markSize = 16

func main() {
	self, err := os.Executable()
	if err != nil {
		self = "/bin/parts" // where a box has it
	}
	program, err := os.ReadFile(self)
	if err != nil {
		panic(err)
	}
	how := strings.TrimSpace(string(program[len(program)-markSize:]))
	conn := pipe.NewConn(stdio{os.Stdin, os.Stdout})
	for {
		m, err := conn.Receive()
		if errors.Is(err, io.EOF) {
			return
		}
		if !answerBadly(how, conn, m) {
			return
		}
	}
}

// answerBadly answers a request; false ends the program.
func answerBadly(how string, conn *pipe.Conn, m pipe.Message) bool {
	answer := pipe.Say(pipe.OK, nil)
	switch how {
	case "ends":
		return false
	case "refuses": // with every error that there is
		answer = pipe.Say(pipe.Failed, make([]uint64, 200), []byte("all of them"))
		for i := range answer.Numbers {
			answer.Numbers[i] = uint64(i)
		}
	case "echoes":
		answer = pipe.Say(pipe.OK, m.Numbers, m.Bytes...)
	case "sleeps":
		_, _ = io.Copy(io.Discard, os.Stdin)
	case "floods":
		for {
			_, _ = os.Stdout.Write(bytes.Repeat([]byte{0, 0, 0, 1, 0x83}, 1<<12))
		}
	case "claims":
		_, _ = os.Stdout.Write([]byte{0xff, 0xff, 0xff, 0xff, 0x83})
		_, _ = io.Copy(io.Discard, os.Stdin)
	case "asks":
		for conn.Send(pipe.Say(pipe.Put, []uint64{0x55}, []byte("again"))) == nil {
			_, _ = conn.Receive()
		}
	case "writes":
		call := disk.Call{Op: disk.Create, Name: "large"}
		for conn.Send(pipe.Say(pipe.Disk, nil, call.AppendTo(nil))) == nil {
			_, _ = conn.Receive()
			call = disk.Call{Op: disk.Preallocate, File: 1, Size: call.Size + 1<<20}
		}
	case "talks":
		_, _ = os.Stdout.WriteString(`{"step":"p2.1","outcome":"passed"}` + "\n")
	case "is slow":
		for n := 0; n >= 0; n = (n + 1) & 0xffff { // for ever
			_ = n
		}
	}
	return conn.Send(answer) == nil
}
