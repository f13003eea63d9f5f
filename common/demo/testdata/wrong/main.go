// Wrong does not build.
package main

func main() { nobody() }
