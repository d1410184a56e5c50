// Command hello is the floor of any Go program with an option: what the runtime alone costs.
package main

import (
	"flag"
	"fmt"
	"os"
)

func main() {
	name := flag.String("name", "world", "whom to greet")
	flag.Parse()
	fmt.Fprintln(os.Stdout, "hello,", *name)
}
