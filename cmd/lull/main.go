// Command lull is a load balancer whose speciality is when connections end. Its commands are in internal/cli.
package main

import (
	"os"

	"lull/internal/cli"
)

func main() {
	os.Exit(cli.Main(os.Args[1:], os.Stdout, os.Stderr))
}
