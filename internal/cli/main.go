// Package cli is the command tree of psc.
//
// A command makes three moves: open what it needs, do one thing, show the answer. What it needs comes from an app, whose
// parts are made when they are first asked for, so that --help and completion never dial.
package cli

import (
	"cmp"
	"context"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/pscdev/psc/internal/config"
	"github.com/pscdev/psc/internal/fault"
	"github.com/pscdev/psc/internal/view"
)

// Env is the world that psc runs in.
type Env struct {
	In       io.Reader
	Out, Err io.Writer
	Now      func() time.Time
	Version  string
}

// Main runs psc with arguments and returns its exit code.
func Main(ctx context.Context, env Env, args []string) int {
	a := &app{Env: env}
	root := newRoot(a)
	root.SetArgs(args)
	root.SetIn(env.In)
	root.SetOut(env.Out)
	root.SetErr(env.Err)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	if cause := context.Cause(ctx); cause != nil {
		err = fault.Wrap(fault.Of(cause).Code, err)
	}
	if a.view == nil { // it failed before the command ran
		a.view = plainView(env, root)
	}
	a.view.Error(err)
	return int(fault.Of(err).Code)
}

// plainView is for errors that come before the settings are known: only the format that was asked for matters.
func plainView(env Env, root *cobra.Command) *view.View {
	format := cmp.Or(root.PersistentFlags().Lookup(config.Output).Value.String(), os.Getenv("PSC_OUTPUT"))
	v, err := view.New(env.Out, env.Err, format, false, env.Now)
	if err != nil {
		v, _ = view.New(env.Out, env.Err, "", false, env.Now)
	}
	return v
}
