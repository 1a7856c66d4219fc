package cli

import (
	"context"
	"os"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/pscdev/psc/internal/fault"
	"github.com/pscdev/psc/internal/login"
	"github.com/pscdev/psc/internal/workspace"
)

// signInFlags say with which issuer users sign in to a cluster.
type signInFlags struct {
	issuer, client, authority string
	password                  bool
}

func (f *signInFlags) flags(cmd *cobra.Command) {
	section(cmd, "Sign-in", func(flags *pflag.FlagSet) {
		flags.StringVar(&f.issuer, "login", "", "`URL` of the OpenID Connect issuer with which users sign in")
		flags.StringVar(&f.client, "client-id", "", "`ID` of psc at the issuer, a public client")
		flags.StringVar(&f.authority, "login-ca", "", "`FILE` with the CA certificate of the issuer, if systems do not know it")
		flags.BoolVar(&f.password, "login-password", false, "let psc ask for passwords, if the issuer allows that")
	})
	cmd.MarkFlagsRequiredTogether("login", "client-id")
}

// read returns the issuer, which has to answer; nil without --login.
func (f signInFlags) read(ctx context.Context) (*workspace.ClusterLogin, error) {
	if f.issuer == "" {
		if f.authority != "" || f.password {
			return nil, fault.New(fault.Usage, "--login-ca and --login-password need --login URL")
		}
		return nil, nil
	}
	of := login.Issuer{URL: f.issuer, ClientID: f.client, Password: f.password}
	if f.authority != "" {
		var err error
		if of.Authority, err = os.ReadFile(f.authority); err != nil {
			return nil, fault.Wrap(fault.Usage, err)
		}
	}
	if _, err := of.Discover(ctx); err != nil {
		return nil, err
	}
	return &workspace.ClusterLogin{Issuer: of.URL, ClientID: of.ClientID, Password: of.Password, Authority: of.Authority}, nil
}
