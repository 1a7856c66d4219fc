// Package cli is the command tree of psc: flags, questions and messages. The engine is internal/workspace.
//
// A command makes three moves: open the pod, do one thing, show the answer. A session creates its parts when they are first
// used, so that --help and completion never dial.
package cli

import (
	"cmp"
	"context"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"strings"
	"syscall"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/pscdev/psc/internal/config"
	"github.com/pscdev/psc/internal/fault"
	"github.com/pscdev/psc/internal/view"
)

// Env is the environment that psc runs in.
type Env struct {
	In       io.Reader
	Out, Err io.Writer
	Now      func() time.Time
	Version  string
	// Token is that of PSC_TOKEN, which the programs that psc starts do not get.
	Token string
	// Plugin means that kubectl runs psc as its plugin.
	Plugin bool
}

// memory is the size in bytes up to which psc's heap grows without garbage collection. This makes a pod of a thousand apps
// faster. It does not limit how much memory psc can use.
const memory = 96 << 20

// Run runs psc in the current process, and returns its exit code.
func Run(version string, args []string) int {
	debug.SetMemoryLimit(memory)
	ctx, cancel := context.WithCancelCause(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	if !signal.Ignored(syscall.SIGHUP) { // as with nohup
		signal.Notify(signals, syscall.SIGHUP)
	}
	// Only so that a reader that has gone, as in psc deploy | head, does not kill psc in the middle of a deploy. Ignore would
	// do the same to the programs that psc runs.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	go func() {
		cancel(interruption(<-signals))
		first := time.Now()
		for s := range signals { // a second signal ends psc without cleanup
			// The terminal and its shell each send a SIGHUP, and timeout sends its signal to psc and to its group.
			if s != syscall.SIGHUP && time.Since(first) > sameSignal {
				os.Exit(int(fault.Interrupted))
			}
		}
	}()
	token := os.Getenv(tokenVariable)
	_ = os.Unsetenv(tokenVariable)
	return Main(ctx, Env{Token: token, In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Now: time.Now, Version: Version(version), Plugin: isPlugin(os.Args[0])}, args)
}

// isPlugin reports whether kubectl knows a program as its plugin psc.
func isPlugin(program string) bool {
	return strings.TrimSuffix(filepath.Base(program), ".exe") == "kubectl-psc"
}

// sameSignal is the time in which a second signal is taken for the first one.
const sameSignal = 100 * time.Millisecond

func interruption(s os.Signal) error {
	switch s {
	case syscall.SIGTERM:
		return fault.New(fault.Terminated, "terminated")
	case syscall.SIGHUP:
		return fault.New(fault.Terminated, "the terminal was closed")
	}
	return fault.New(fault.Interrupted, "interrupted")
}

// Main runs psc with arguments and returns its exit code.
func Main(ctx context.Context, env Env, args []string) int {
	out := view.NewOutput(env.Out)
	env.Out = out
	s := &session{Env: env}
	root := newRoot(s)
	if len(args) > 0 && strings.HasPrefix(args[0], cobra.ShellCompRequestCmd) {
		s.completeFlags(root) // only now: it takes as long as to build the tree
		unquote(root)
	}
	err := checkText(args)
	if err == nil {
		args, err = unalias(root, args)
	}
	if err == nil {
		root.SetArgs(args)
		var cmd *cobra.Command
		cmd, err = root.ExecuteContextC(ctx)
		err = worded(typed(cmd, err))
	}
	if s.credentials != nil {
		s.credentials.Settle()
	}
	if lost := out.Err(); lost != nil && err == nil {
		err = fault.New(fault.Failed, "%w", lost).WithHint("the command itself has succeeded: only its answer is lost")
	} else if lost != nil && fault.Of(err).Silent { // what was printed already is lost
		err = fault.Wrap(fault.Failed, lost)
	}
	if err == nil {
		return 0
	}
	if cause := context.Cause(ctx); cause != nil {
		err = fault.Wrap(fault.Of(cause).Code, err)
	}
	if s.view == nil { // it failed before the command ran
		s.view = plainView(env, root)
	}
	s.view.Error(err)
	return int(fault.Of(err).Code)
}

// checkText refuses arguments that are not UTF-8, except for paths: Kubernetes stores text as JSON, which would replace
// their bytes.
func checkText(args []string) error {
	for _, arg := range args {
		if !utf8.ValidString(arg) && !exists(arg) {
			return fault.New(fault.Usage, "the argument %q is not valid UTF-8", arg).
				WithHint("psc secret set and psc config set read any bytes from files")
		}
	}
	return nil
}

// plainView returns a View for errors before the settings are read. It only needs the output format.
func plainView(env Env, root *cobra.Command) *view.View {
	format := cmp.Or(root.PersistentFlags().Lookup(config.Output).Value.String(), os.Getenv("PSC_OUTPUT"))
	v, err := view.New(env.Out, env.Err, format, false, env.Now)
	if err != nil {
		v, _ = view.New(env.Out, env.Err, "", false, env.Now)
	}
	return v
}

// Version returns the version that the build has set, else the version of the module.
func Version(set string) string {
	if set != "" {
		return set
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}
