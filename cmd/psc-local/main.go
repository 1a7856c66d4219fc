// Command psc-local starts a real Kubernetes on this machine, for trying psc and for its tests.
//
// One binary plays every part. Called as psc-local it is the command line; called by the name of a
// component (kube-apiserver, etcd, ...) it is that component:
//
//	up -> supervisor -> components                 simulated nodes: plain processes, no root
//	up -> supervisor -> init (PID 1) -> components  a real node: all of them in namespaces of their own
//
// Everything of a cluster is in one folder and one set of namespaces and cgroups. The supervisor or init
// removes them, depending on which of the two notices the end first. Each survives a kill -9 of the other.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/pflag"
	"k8s.io/component-base/cli"
	kubectl "k8s.io/kubectl/pkg/cmd"
)

func main() {
	os.Exit(run(os.Args))
}

// run returns the exit code: 0 for success, 1 for a failure, 2 for a mistake in the command line.
func run(argv []string) int {
	if len(argv) > 2 && argv[1] == "_component" {
		argv = argv[2:]
	}
	if filepath.Base(argv[0]) == "kubectl" { // called through a link of that name: use the caller's own kubeconfig
		return cli.Run(kubectl.NewDefaultKubectlCommand())
	}
	if start, ok := programs()[filepath.Base(argv[0])]; ok {
		os.Args = argv
		dieWithSupervisor()
		return start()
	}
	pflag.CommandLine = pflag.NewFlagSet("", pflag.ContinueOnError) // drop the flags that Kubernetes' packages have added
	err := newRoot().ExecuteContext(context.Background())
	var usage usageError
	var code exitCode
	switch {
	case err == nil:
		return 0
	case errors.As(err, &code):
		return int(code)
	case errors.As(err, &usage):
		fmt.Fprintf(os.Stderr, "psc-local: %v\nRun 'psc-local --help' for usage.\n", err)
		return 2
	default:
		fmt.Fprintf(os.Stderr, "psc-local: %v\n", err)
		return 1
	}
}

// dieWithSupervisor ends this component as soon as its supervisor ends for any reason: standard input is
// a pipe that only the supervisor can write to, and it never does.
func dieWithSupervisor() {
	info, err := os.Stdin.Stat()
	if err != nil || info.Mode()&os.ModeNamedPipe == 0 {
		return
	}
	go func() {
		_, _ = os.Stdin.Read(make([]byte, 1))
		os.Exit(1)
	}()
}

// usageError is a mistake in the command line.
type usageError struct{ error }

// exitCode is the exit code of a program that has already printed why.
type exitCode int

func (c exitCode) Error() string { return fmt.Sprintf("exit code %d", int(c)) }
