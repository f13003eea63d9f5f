// Hello says that it serves, and waits.
package main

import "fmt"

func main() {
	fmt.Println("hello stage=0 listening on 127.0.0.1:7001")
	fmt.Scanln()
	<-make(chan int, len(fmt.Sprint()))
}
