package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/pscdev/psc/internal/fault"
	"github.com/pscdev/psc/internal/workspace"
	"github.com/pscdev/psc/pkg/pod"
)

// setupFlags are the flags of cluster setup that set a field of psc-platform, by the path of the field.
func setupFlags() map[string]string {
	return map[string]string{"domain": "domain", "gateway": "gateway", "gateway.namespace": "gateway", "gateway.name": "gateway", "ports.http": "http-port", "ports.https": "https-port", "gateway.from": "gateway-from"}
}

func newClusterSetup(s *session) *cobra.Command {
	var (
		domain, gateway string
		from            []string
		http, https     int
		setup           workspace.Setup
		login           signInFlags
		remove, dryRun  bool
	)
	cmd := &cobra.Command{
		Use:   "setup",
		Short: "Set up a cluster for the users of psc",
		Long: "Write what the users of psc need from a cluster, once, as its admin: the Gateway and the domain for routes, the rights to\n" +
			"read them, and the rights that the built-in roles view, edit and admin lack. Nothing runs in the cluster because of it.\n" +
			"Only what the flags name changes, and a second run changes nothing. Without --gateway psc uses the only Gateway of the\n" +
			"cluster, with the ports and the domain of its listeners.\n\n" +
			"With --gateway-from, new pods are isolated: only the pod itself and the Gateway reach its instances.\n\n" +
			"With --login, psc login SERVER signs users in with an OpenID Connect issuer, to which the API server has to be configured. The\n" +
			"issuer needs a public client for psc (no secret, PKCE) with the redirect address http://127.0.0.1/callback.\n\n" +
			"With --enforce-audit, the API server refuses revisions in the name of others, changes of their records, and their removal by\n" +
			"users who are not admins of the pod. It also refuses changes by a psc that is older than this.",
		Example: "  psc cluster setup --dry-run\n" +
			"  psc cluster setup --domain apps.example.com --gateway infra/public\n" +
			"  psc cluster setup --login https://id.example.com --client-id psc\n" +
			"  psc cluster setup --enforce-audit\n" +
			"  psc cluster setup --remove",
		Args: exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkTogether(cmd, "remove"); err != nil {
				return err
			}
			for name, set := range map[string]func(){
				"domain":     func() { setup.Domain = &domain },
				"gateway":    func() { setup.Gateway = &gateway },
				"http-port":  func() { setup.HTTPPort = &http },
				"https-port": func() { setup.HTTPSPort = &https },
			} {
				if cmd.Flags().Changed(name) {
					set()
				}
			}
			for _, text := range from {
				setup.From = append(setup.From, workspace.ParseSource(text))
			}
			if remove {
				return s.removeSetup(cmd.Context(), dryRun)
			}
			issuer, err := login.read(cmd.Context())
			if err != nil {
				return err
			}
			return s.setUp(cmd, setup, issuer, dryRun)
		},
	}
	section(cmd, "Routes", func(flags *pflag.FlagSet) {
		flags.StringVar(&domain, "domain", "", "`DOMAIN` for routes without hosts: they get ROUTE-POD.DOMAIN")
		flags.StringVar(&gateway, "gateway", "", "Gateway for routes, `NAMESPACE/NAME`")
		flags.StringArrayVar(&from, "gateway-from", nil, "`NAMESPACE` in which the Gateway's proxies run, or their addresses such as 10.0.0.0/24")
		flags.IntVar(&http, "http-port", 0, "`PORT` at which the Gateway is reached for http; 0 if it is not")
		flags.IntVar(&https, "https-port", 0, "`PORT` at which the Gateway is reached for https; 0 if it is not")
	})
	login.flags(cmd)
	section(cmd, "Setup", func(flags *pflag.FlagSet) {
		flags.BoolVar(&setup.Audit, "enforce-audit", false, "keep revisions from being forged")
		flags.BoolVar(&remove, "remove", false, "delete everything that a setup has written")
		flags.BoolVar(&dryRun, "dry-run", false, "show what would be written without writing anything")
	})
	return cmd
}

// checkTogether refuses a flag together with flags that set something.
func checkTogether(cmd *cobra.Command, alone string) error {
	if !cmd.Flags().Changed(alone) {
		return nil
	}
	for _, name := range []string{"domain", "gateway", "gateway-from", "http-port", "https-port", "login", "client-id", "login-ca", "login-password", "enforce-audit"} {
		if cmd.Flags().Changed(name) {
			return fault.New(fault.Usage, "--%s cannot be used with --%s", name, alone)
		}
	}
	return nil
}

// setUp writes a setup.
func (s *session) setUp(cmd *cobra.Command, setup workspace.Setup, login *workspace.ClusterLogin, dryRun bool) error {
	cluster, err := s.connect()
	if err != nil {
		return err
	}
	plan, err := cluster.Setup(cmd.Context(), setup, login)
	var invalid *workspace.SetupError
	if errors.As(err, &invalid) {
		return setupWords(cmd, invalid)
	}
	if err != nil {
		return err
	}
	plan.Doc.DryRun = dryRun
	if !dryRun {
		if err := plan.Write(cmd.Context()); err != nil {
			return err
		}
	}
	if err := s.view.Setup(plan.Doc); err != nil {
		return err
	}
	switch {
	case plan.Count() == 0:
		s.view.Say("No change: the cluster is already set up like this")
	case dryRun:
		s.view.Say("%s would be written to %s", pod.Count(plan.Count(), "object"), cluster.Context)
	default:
		s.view.Say("%s written to %s", pod.Count(plan.Count(), "object"), cluster.Context)
		if login != nil {
			s.view.Say("Users sign in with psc login %s, or psc login HOST if a web server has the document below at https://HOST/.well-known/psc.json:\n"+
				"  kubectl get configmap psc-login -n kube-public -o jsonpath='{.data.psc\\.json}'", cluster.Server)
		}
		s.view.Next("psc cluster info")
	}
	return nil
}

// removeSetup deletes everything that a setup has written.
func (s *session) removeSetup(ctx context.Context, dryRun bool) error {
	cluster, err := s.connect()
	if err != nil {
		return err
	}
	plan, err := cluster.Teardown(ctx)
	if err != nil {
		return err
	}
	plan.Doc.DryRun = dryRun
	objects := pod.Count(plan.Count(), "object")
	if plan.Count() == 0 {
		s.view.Say("No change: psc has set up nothing on %s", cluster.Context)
	}
	if plan.Count() == 0 || dryRun {
		return s.view.Setup(plan.Doc)
	}
	if !s.yes && !s.interactive() {
		return fault.New(fault.Usage, "routes and roles of all pods depend on the setup").WithHint("add --yes to remove it")
	}
	if err := s.view.Setup(plan.Doc); err != nil {
		return err
	}
	if !s.yes && !s.ask(fmt.Sprintf("Routes and roles of all pods on %s depend on the setup. Delete %s?", cluster.Context, objects)) {
		return fault.New(fault.Failed, "nothing was changed")
	}
	if err := plan.Write(ctx); err != nil {
		return err
	}
	s.view.Say("%s deleted from %s", objects, cluster.Context)
	return nil
}

// setupWords names the flags of a setup that would not be valid.
func setupWords(cmd *cobra.Command, e *workspace.SetupError) error {
	out := &fault.Error{Code: fault.Usage, Details: e.Problems}
	var texts []string
	for _, p := range e.Problems {
		path, _, _ := strings.Cut(p.Path, "[")
		name, known := setupFlags()[path]
		if !known || !cmd.Flags().Changed(name) && p.Path != "gateway" {
			return fault.New(fault.Failed, "%w", e).WithHint("kubectl edit configmap psc-platform -n psc-system")
		}
		texts = append(texts, "--"+name+": "+p.Message)
	}
	out.Err = errors.New(strings.Join(texts, "\n"))
	return out
}
