package cli

import (
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"golang.org/x/term"

	"github.com/pscdev/psc/internal/config"
	"github.com/pscdev/psc/internal/image"
	"github.com/pscdev/psc/internal/kube"
	"github.com/pscdev/psc/internal/view"
)

// app is what commands share: the world, and what was chosen by flag, environment and settings file.
type app struct {
	Env
	settings *config.Settings
	view     *view.View

	work                *workspace                    // once it was opened
	progress            atomic.Pointer[view.Progress] // during a deploy
	pinned              map[string]image.Image        // what images stand for now, by their names
	stdinRead           bool
	kubeconfig          string
	yes, quiet, verbose bool
}

func isTerminal(f *os.File) bool { return term.IsTerminal(int(f.Fd())) }

// connect opens the chosen context. It does not dial.
func (a *app) connect() (*kube.Client, error) {
	o := kube.Options{Kubeconfig: a.kubeconfig, Context: a.settings.Context(), UserAgent: "psc/" + a.Version, Outage: a.outage}
	if a.verbose {
		o.Trace = a.trace
	}
	return kube.Connect(o)
}

// outage says that psc waits for the API server, and why.
func (a *app) outage(why error) {
	const text = "  waiting: the API server does not answer (%v); trying again"
	if p := a.progress.Load(); p != nil {
		p.Say(text, why)
		return
	}
	a.view.Say(text, why)
}

func (a *app) trace(r kube.Request) {
	answer := fmt.Sprint(r.Status)
	if r.Err != nil {
		answer = "no answer"
	}
	fmt.Fprintf(a.Err, "%s %s %s %dms\n", r.Method, r.Path, answer, r.Duration.Milliseconds())
}

// runID tells this run from others of the same person: user@host/run, for the lock.
func (a *app) runID(user string) string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return fmt.Sprintf("%s@%s/%d-%x", user, host, os.Getpid(), a.Now().UnixNano()&0xffffff)
}

// defaultTimeout is how long a deploy may take to become ready.
const defaultTimeout = 10 * time.Minute
