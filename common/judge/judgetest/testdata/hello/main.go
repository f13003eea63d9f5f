// Hello is a submission of one program.
package main

import "fmt"

func main() { fmt.Println("hello", "world") }
