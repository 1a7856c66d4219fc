// Command psc runs apps on Kubernetes.
package main

//go:generate go -C ../.. run ./internal/gen

import (
	"os"

	"github.com/pscdev/psc/internal/cli"
)

// version is set by the build; otherwise it is that of the module.
var version = ""

func main() { os.Exit(cli.Run(version, os.Args[1:])) }
