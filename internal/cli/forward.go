package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/spf13/cobra"

	"github.com/pscdev/psc/internal/fault"
	"github.com/pscdev/psc/internal/instance"
	"github.com/pscdev/psc/pkg/pod"
	"github.com/pscdev/psc/pkg/report"
)

func newPortForward(s *session) *cobra.Command {
	var address string
	cmd := &cobra.Command{
		Use:   "port-forward APP|INSTANCE [[LOCAL:]PORT...]...",
		Short: "Reach ports of apps on this machine",
		Long: "Reach ports of apps on this machine, until Ctrl-C. Each connection goes to an instance that is ready then, so restarts and deploys do not end it.\n\n" +
			"The ports of an app follow its name: numbers, or names of ports in the spec. Without any it is the main port.\n\n" +
			"LOCAL is the port of this machine, by default the same number. With only the colon psc picks a free one.",
		Example: "  psc port-forward web                     the main port\n" +
			"  psc port-forward web 9000:8080           another port of this machine\n" +
			"  psc port-forward web :http               a free port of this machine\n" +
			"  psc port-forward web 8080 db 5432        ports of two apps",
		ValidArgsFunction: s.completeForward,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkForward(args, address); err != nil {
				return err
			}
			return s.portForward(cmd.Context(), args, address)
		},
	}
	cmd.Flags().StringVar(&address, "address", localhost, "IP `ADDRESS` to listen on; with 0.0.0.0 other machines can reach the apps too")
	return cmd
}

// forwardArg is a port to forward. local is empty for the same number, and 0 for a free port.
type forwardArg struct{ local, port string }

// parseForward parses an argument, or returns false for a word, which is an app or the name of a port.
func parseForward(arg string) (forwardArg, bool) {
	if local, port, found := strings.Cut(arg, ":"); found {
		if local == "" {
			local = "0"
		}
		return forwardArg{local, port}, true
	}
	return forwardArg{port: arg}, isNumber(arg)
}

// checkForward checks what needs no cluster.
func checkForward(args []string, address string) error {
	if address != localhost && net.ParseIP(address) == nil {
		return fault.New(fault.Usage, "--address %q is not an IP address", address).WithHint("--address 0.0.0.0 is all addresses of this machine")
	}
	if len(args) == 0 {
		return fault.New(fault.Usage, "APP is missing").WithHint("psc app list")
	}
	for n, arg := range args {
		f, isPort := parseForward(arg)
		switch {
		case isPort && n == 0:
			return fault.New(fault.Usage, "APP is missing: %q is a port", arg).WithHint("psc port-forward APP %s", arg)
		case !isPort:
			continue
		case f.port == "" || !isPortNumber(f.port, 1) && isNumber(f.port):
			return fault.New(fault.Usage, "%q: PORT must be a name, or 1 to 65535", arg).WithHint("psc port-forward %s 9000:8080", args[0])
		case f.local != "" && !isPortNumber(f.local, 0):
			return fault.New(fault.Usage, "%q: LOCAL must be 1 to 65535", arg).WithHint("psc port-forward %s :%s picks a free one", args[0], f.port)
		}
	}
	return nil
}

func isNumber(text string) bool {
	_, err := strconv.Atoi(text)
	return err == nil
}

func isPortNumber(text string, least int) bool {
	n, err := strconv.Atoi(text)
	return err == nil && n >= least && n <= 65535
}

// forward is a port that is forwarded.
type forward struct {
	target *instance.Target
	local  string // as in a forwardArg
	port   instance.Port
	at     *listening
}

// portForward forwards ports until the context ends.
func (s *session) portForward(ctx context.Context, args []string, address string) error {
	w, err := s.open()
	if err != nil {
		return err
	}
	all, err := forwards(ctx, w.Instances(), args)
	if errors.As(err, new(*pod.RefError)) {
		if wrong := w.Check(ctx); wrong != nil {
			return wrong
		}
	}
	if err != nil {
		return err
	}
	shown := make([]report.Forward, len(all))
	for n := range all {
		f := &all[n]
		i := f.target.Instance()
		if f.at, err = listen(address, f.local, f.port.Number, i.App()); err != nil {
			return err
		}
		defer f.at.close()
		shown[n] = report.Forward{App: i.App(), Instance: i.Name, Port: f.port.Number, Address: f.at.address}
		if scheme := schemeOf(f.port.Name); scheme != "" {
			shown[n].URL = scheme + "://" + f.at.address
		}
	}
	if err := s.view.Forwards(shown); err != nil {
		return err
	}
	var telling sync.Mutex
	for n, f := range all {
		tell := func(note instance.ForwardNote) {
			telling.Lock()
			defer telling.Unlock()
			s.tellForward(shown[n], note)
		}
		for _, l := range f.at.listeners {
			go f.target.Forward(ctx, l, f.port.Number, tell)
		}
	}
	<-ctx.Done()
	return usualEnd(ctx)
}

// schemeOf returns the scheme of the URL of a port that is named after HTTP, as tools around Kubernetes name such ports.
func schemeOf(name string) string {
	for _, scheme := range []string{"https", "http"} {
		if rest, ok := strings.CutPrefix(name, scheme); ok && (rest == "" || rest[0] == '-') {
			return scheme
		}
	}
	return ""
}

func (s *session) tellForward(f report.Forward, note instance.ForwardNote) {
	if note.Err != nil {
		s.view.Warn("%s: closed a connection: %v", f.Address, note.Err)
		return
	}
	s.view.Remark("%s -> %s:%d from now on", f.Address, note.Moved, f.Port)
}

// forwards connects to the apps of arguments, and finds their ports.
func forwards(ctx context.Context, in *instance.Instances, args []string) ([]forward, error) {
	var all []forward
	for n := 0; n < len(args); {
		target, err := in.Target(ctx, args[n])
		if err != nil {
			return nil, notPort(err, all, args[n])
		}
		var ports []forwardArg
		for n++; n < len(args); n++ {
			f, isPort := parseForward(args[n])
			if !isPort && !target.Has(args[n]) {
				break
			}
			ports = append(ports, f)
		}
		if len(ports) == 0 {
			ports = []forwardArg{{}}
		}
		for _, f := range ports {
			port, err := target.Port(ctx, f.port)
			if err != nil {
				return nil, err
			}
			all = append(all, forward{target: target, local: f.local, port: port})
		}
	}
	return all, nil
}

// notPort returns the error for a word that is neither an app nor a port of the app before it.
func notPort(err error, before []forward, word string) error {
	if !errors.As(err, new(*pod.RefError)) || len(before) == 0 {
		return err
	}
	i := before[len(before)-1].target.Instance()
	hint := "psc app list"
	if ports := i.Ports(); len(ports) > 0 {
		hint = fmt.Sprintf("psc port-forward %s %s", i.App(), strings.Join(ports, " or "))
	}
	return fault.New(fault.Usage, "%q is neither an app nor a port of %s", word, i.App()).WithHint("%s", hint)
}

// completeForward completes apps, and the ports of the app before.
func (s *session) completeForward(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
	if !s.ready(cmd) {
		return nil, inOrder
	}
	apps := s.resourceNames(pod.KindApp)(args)
	var found []string
	at := strings.LastIndex(typed, ":") + 1
	for n := len(args) - 1; n >= 0; n-- {
		if slices.Contains(apps, args[n]) {
			for _, name := range s.names("ports") {
				if port, of := strings.CutPrefix(name, args[n]+"/"); of {
					found = append(found, typed[:at]+port)
				}
			}
			break
		}
	}
	if at == 0 {
		found = append(found, apps...)
	}
	return beginning(typed, found), inOrder
}
