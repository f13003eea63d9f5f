// Behave does what its first argument says: it is the submission of the judge's tests.
package main

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"
)

func main() {
	switch os.Args[1] {
	case "echo":
		for in := bufio.NewScanner(os.Stdin); in.Scan(); {
			fmt.Println(in.Text())
		}
	case "sleep":
		for {
			time.Sleep(time.Hour)
		}
	case "spin":
		for {
		}
	case "panic":
		panic("as asked")
	case "flood":
		for range 1 << 16 {
			fmt.Println("0123456789012345678901234567890123456789")
		}
	case "again":
		_, err := os.Stat("left")
		fmt.Println("was here:", err == nil)
		os.WriteFile("left", nil, 0o600)
	case "look":
		look()
	case "spawn":
		child := exec.Command("/bin/behave", "sleep")
		child.Stdin, child.Stdout, child.Stderr = os.Stdin, os.Stderr, os.Stderr
		child.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		fmt.Println(child.Start())
	}
}

// look prints what it should not see.
func look() {
	for _, name := range []string{"/proc/1/environ", "/etc/passwd", "/tmp", "/dev/null"} {
		if _, err := os.Stat(name); err == nil {
			fmt.Println("sees", name)
		}
	}
	for fd := uintptr(3); fd < 1000; fd++ {
		if _, err := os.NewFile(fd, "x").WriteString("forged"); err == nil {
			fmt.Println("writes to", fd)
		}
	}
	if err := syscall.Kill(-1, 0); err == nil {
		fmt.Println("may signal others")
	}
	dir, _ := os.Getwd()
	fmt.Println("at", dir, os.Environ())
}
