package cli

import (
	"context"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"

	"k8s.io/klog/v2"

	"github.com/pscdev/psc/internal/fault"
)

// memory is how much psc's heap may grow without being collected, in bytes: more only makes a pod of a thousand apps
// faster. It is no limit to what is needed.
const memory = 96 << 20

// Run runs psc in the process that it is in, and returns its exit code.
func Run(version string, args []string) int {
	// client-go logs what it tries again by itself; what a person has to know comes as an error.
	klog.SetSlogLogger(slog.New(slog.DiscardHandler))
	debug.SetMemoryLimit(memory)
	ctx, cancel := context.WithCancelCause(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		cancel(interruption(<-signals))
		<-signals // who asks twice does not want to wait for the tidying up
		os.Exit(int(fault.Interrupted))
	}()
	return Main(ctx, Env{In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Now: time.Now, Version: Version(version)}, args)
}

func interruption(s os.Signal) error {
	if s == syscall.SIGTERM {
		return fault.New(fault.Terminated, "terminated")
	}
	return fault.New(fault.Interrupted, "interrupted")
}

// Version is the version that the build has set, or else the module's.
func Version(set string) string {
	if set != "" {
		return set
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}
