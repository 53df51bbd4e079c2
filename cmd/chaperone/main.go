// Command chaperone is the product: a compliance bot for group chats.
package main

import (
	"os"

	"chaperone/internal/cli"
)

func main() {
	os.Exit(cli.Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
