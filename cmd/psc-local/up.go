package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
)

func newUp(open func() (cluster, error)) *cobra.Command {
	var (
		nodes, kubeconfig string
		from              issuer
	)
	cmd := &cobra.Command{
		Use:   "up",
		Short: "Start the cluster and wait until it is usable",
		Long: `Start the cluster and wait until it is usable. It is safe to run 'up' again: it restores what is missing.

Real nodes run containers. They need Linux, root and the program nft. Simulated nodes run anywhere but
only report that containers run: everything but traffic, logs and exec can be tried with them.

With --issuer, the tokens of an OpenID Connect issuer on this machine are valid: the user is its claim email, and the
groups are its claim groups with the prefix "oidc:".`,
		Example: "  psc-local up\n  psc-local --name test up --nodes simulated --kubeconfig test.yaml\n" +
			"  psc-local up --issuer https://localhost:9998 --issuer-ca ca.crt --client-id psc",
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := open()
			if err != nil {
				return err
			}
			if nodes != "" && nodes != nodesReal && nodes != nodesSimulated {
				return usageError{fmt.Errorf("--nodes %q: use real or simulated", nodes)}
			}
			if err := from.check(); err != nil {
				return err
			}
			return up(cmd.Context(), c, request{nodes, kubeconfig, from}, cmd.OutOrStdout())
		},
	}
	cmd.Flags().StringVar(&nodes, "nodes", "", "real or simulated (default: real where possible)")
	cmd.Flags().StringVar(&kubeconfig, "kubeconfig", "", "file to add the cluster's context to (default: the file that kubectl would use)")
	cmd.Flags().StringVar(&from.URL, "issuer", "", "`URL` of an OpenID Connect issuer on this machine, whose tokens are valid")
	cmd.Flags().StringVar(&from.clientID, "client-id", "", "client `ID` that the tokens of the issuer must be for")
	cmd.Flags().StringVar(&from.caFile, "issuer-ca", "", "`FILE` with the CA certificate of the issuer")
	return cmd
}

// request is what a user wants of a cluster; what is empty is up to psc-local.
type request struct {
	nodes, kubeconfig string
	issuer            issuer
}

func up(ctx context.Context, c cluster, r request, out io.Writer) error {
	begin := time.Now()
	running := c.running()
	p, err := start(ctx, c, r)
	if err != nil {
		return err
	}
	log, err := os.Open(c.path("logs", "supervisor.log")) // open it now: it is removed with the cluster
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	if running {
		fmt.Fprintf(out, "Cluster %s is running with %s nodes\n", c.name, p.Nodes)
	} else {
		fmt.Fprintf(out, "Starting cluster %s with %s nodes (%s)\n", c.name, p.Nodes, p.Why)
	}
	ctx, timeout := context.WithTimeoutCause(ctx, 2*time.Minute, errors.New("not usable after 2 minutes"))
	defer timeout()
	ctx, cancel := context.WithCancelCause(ctx)
	go func() { cancel(hopeless(c)) }()
	if err := errors.Join(bootstrap(ctx, c, p), allRun(ctx, c)); err != nil {
		if !c.running() {
			text, _ := io.ReadAll(log)
			return fmt.Errorf("the supervisor of cluster %s ended:\n%s", c.name, text)
		}
		return fmt.Errorf("wait for cluster %s: %w%s\nIt keeps trying: see 'psc-local status' and 'psc-local logs', or remove it with 'psc-local down'", c.name, err, troubles(c))
	}
	fmt.Fprintf(out, `Ready after %.1f s: %s
  registry  localhost:%d
  routes    http://*.localhost:%d  https://*.localhost:%d
  context   %s, in %s

Next:  psc login --context %s
`, time.Since(begin).Seconds(), p.server(), p.Registry, p.HTTP, p.HTTPS, c.context(), p.Kubeconfig, c.context())
	return nil
}

// hopeless waits until the cluster cannot become usable any more, and returns why: the supervisor has ended, or a component ends
// again and again.
func hopeless(c cluster) error {
	const often = 5
	for c.running() {
		for _, p := range processes(c) {
			if p.Restarts >= often && p.State != "running" {
				return fmt.Errorf("%s ended %d times", p.Name, p.Restarts)
			}
		}
		time.Sleep(200 * time.Millisecond)
	}
	return context.Canceled
}

// allRun waits until every component runs: the API server also answers while kube-proxy ends again and again.
func allRun(ctx context.Context, c cluster) error {
	for troubles(c) != "" {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(100 * time.Millisecond):
		}
	}
	return nil
}

// start makes sure that the cluster has a supervisor and returns the plan. Only one process at a time may do that:
// the second one finds the cluster running.
func start(ctx context.Context, c cluster, r request) (plan, error) {
	home := filepath.Dir(c.dir)
	if err := os.MkdirAll(home, 0o700); err != nil {
		return plan{}, err
	}
	turn, err := flock(home, syscall.LOCK_EX)
	if err != nil {
		return plan{}, err
	}
	defer func() { _ = turn.Close() }()

	lock, err := c.lock()
	for errors.Is(err, syscall.EWOULDBLOCK) && errors.Is(syscall.Kill(supervisorPID(c), 0), syscall.ESRCH) {
		time.Sleep(20 * time.Millisecond) // the supervisor was killed, and the rest is about to end
		lock, err = c.lock()
	}
	switch {
	case errors.Is(err, syscall.EWOULDBLOCK):
		p, err := c.plan()
		if err == nil && r.nodes != "" && r.nodes != p.Nodes {
			err = fmt.Errorf("cluster %s is running with %s nodes: run 'psc-local --name %s down' first", c.name, p.Nodes, c.name)
		}
		if err == nil && r.issuer.URL != "" && r.issuer.URL != p.Issuer {
			err = fmt.Errorf("cluster %s is running without this issuer: run 'psc-local --name %s down' first", c.name, c.name)
		}
		if err == nil {
			p, err = moveContext(c, p, r.kubeconfig)
		}
		return p, err
	case err == nil: // left by a supervisor that was killed
		err = c.erase()
		_ = lock.Close()
		if err != nil {
			return plan{}, err
		}
	case !errors.Is(err, fs.ErrNotExist):
		return plan{}, err
	}

	p, registry, err := choose(ctx, c, r)
	if err != nil {
		return plan{}, err
	}
	defer func() { _ = registry.Close() }()
	for _, dir := range []string{c.dir, c.path("logs"), c.path("tmp"), c.path("disks")} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return plan{}, err
		}
	}
	if lock, err = c.lock(); err != nil {
		return plan{}, err
	}
	defer func() { _ = lock.Close() }()
	if err := errors.Join(writeJSON(c.path(planFile), p), makePKI(c.path("pki"))); err != nil {
		return plan{}, err
	}
	writeConfig := writeSimulatedConfig
	if p.Nodes == nodesReal {
		writeConfig = writeNodeConfig
	}
	if err := errors.Join(writeKubeconfigs(c, p), writeConfig(c, p), r.issuer.write(c), addContext(c, p)); err != nil {
		return plan{}, err
	}
	return p, startSupervisor(c, lock, registry)
}

// choose decides which nodes, if the user did not, and which ports. Every cluster shifts the default ports by its own
// number and holds the registry's port from here on, so no two clusters can choose the same ports.
func choose(ctx context.Context, c cluster, r request) (plan, *os.File, error) {
	p := plan{Name: c.name, Nodes: r.nodes, Why: "as requested", Issuer: r.issuer.URL}
	if reason := whyNotReal(); r.nodes == nodesReal && reason != "" {
		return p, nil, fmt.Errorf("--nodes real: %s", reason)
	} else if r.nodes == "" && reason != "" {
		p.Nodes, p.Why = nodesSimulated, reason
	} else if r.nodes == "" {
		p.Nodes, p.Why = nodesReal, "Linux, root and nft are available"
	}
	if err := p.chooseKubeconfig(r.kubeconfig); err != nil {
		return p, nil, err
	}
	for slot := range 1000 {
		p.API, p.HTTP, p.HTTPS, p.Registry, p.Kubelet, p.Metrics = 6443+slot, 8080+slot, 8443+slot, 5000+slot, 10250+slot, 4443+slot
		registry, err := listen(ctx, p.Registry)
		if err != nil {
			continue
		}
		if free(ctx, p.API, p.HTTP, p.HTTPS, p.Kubelet, p.Metrics) {
			return p, registry, nil
		}
		_ = registry.Close()
	}
	return p, nil, errors.New("no free ports")
}

// listen opens a port of this machine as a file, which other processes can inherit.
func listen(ctx context.Context, port int) (*os.File, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", loopback(port))
	if err != nil {
		return nil, err
	}
	defer func() { _ = listener.Close() }() // the file is another handle of the same socket
	return listener.(*net.TCPListener).File()
}

// free reports whether no process listens on any of the ports.
func free(ctx context.Context, ports ...int) bool {
	for _, port := range ports {
		f, err := listen(ctx, port)
		if err != nil {
			return false
		}
		_ = f.Close()
	}
	return true
}

// troubles lists the components that are not running, each with the end of its log.
func troubles(c cluster) string {
	var text strings.Builder
	for _, p := range processes(c) {
		if p.State != "running" {
			fmt.Fprintf(&text, "\n%s is %s %s\n%s", p.Name, p.State, p.Reason, tail(c.path("logs", p.Name+".log")))
		}
	}
	return text.String()
}

// tail returns the end of a log.
func tail(file string) string {
	text, _ := os.ReadFile(file)
	return string(text[max(0, len(text)-2000):])
}
