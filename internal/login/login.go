// Package login finds a server, signs in to it, and manages the kubeconfig entries that psc creates: a cluster, a user and a context
// whose names have its prefix.
//
//	Search.Find -- Server.Offer -- a flow of OAuth or of Provider -- Entry -- Kubeconfig.Save
//
// It changes the current context only if asked, and never the entries of other tools: not a byte of them.
package login

import (
	"maps"
	"net/url"
	"os"
	"slices"
	"strings"

	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/pscdev/psc/internal/fault"
	"github.com/pscdev/psc/internal/kube"
)

// Prefix is the prefix of the name of every entry that psc creates.
const Prefix = "psc/"

// Credentials prove who a user is: a token, a client certificate, or what an issuer has issued.
type Credentials struct {
	Token Token
	// Renewed is true for the tokens of an OpenID Connect issuer: psc keeps and renews them, and is the credential plugin of the user.
	Renewed bool
	// Certificate and Key are files with a client certificate.
	Certificate, Key string
}

// Entry returns a kubeconfig with only the entries for a server, which include the content of all files, and the name of the
// context.
func Entry(s *Server, c Credentials) (*clientcmdapi.Config, string, error) {
	var err error
	cluster := &clientcmdapi.Cluster{Server: s.Address, InsecureSkipTLSVerify: s.Insecure, CertificateAuthorityData: s.Authority}
	user := &clientcmdapi.AuthInfo{Token: c.Token.Secret}
	for path, to := range map[string]*[]byte{c.Certificate: &user.ClientCertificateData, c.Key: &user.ClientKeyData} {
		if path == "" {
			continue
		}
		if *to, err = os.ReadFile(path); err != nil {
			return nil, "", fault.Wrap(fault.Usage, err)
		}
	}
	if user.Extensions, err = c.Token.extensions(); err != nil {
		return nil, "", err
	}
	name := s.Entry()
	if c.Renewed {
		user.Exec = kube.Plugin(name)
	}
	config := clientcmdapi.NewConfig()
	config.Clusters[name], config.AuthInfos[name] = cluster, user
	config.Contexts[name] = &clientcmdapi.Context{Cluster: name, AuthInfo: name}
	return config, name, nil
}

// Entry returns the name of the entries for a server.
func (s *Server) Entry() string {
	host := s.Address
	if u, err := url.Parse(s.Address); err == nil {
		host = u.Host
	}
	return Prefix + host
}

// Contexts returns the sorted names of the contexts and the current one, or none if the kubeconfig cannot be read.
func Contexts(kubeconfig string) (names []string, current string) {
	config, err := kube.Rules(kubeconfig).Load()
	if err != nil {
		return nil, ""
	}
	return slices.Sorted(maps.Keys(config.Contexts)), config.CurrentContext
}

// KnownAuthority returns the certificate authorities, in PEM, that the kubeconfig has for a host; empty if it has none.
func KnownAuthority(kubeconfig, host string) []byte {
	config, err := kube.Rules(kubeconfig).Load()
	if err != nil {
		return nil
	}
	var found []byte
	for _, name := range slices.Sorted(maps.Keys(config.Clusters)) {
		c := config.Clusters[name]
		if u, err := url.Parse(c.Server); err != nil || u.Host != host {
			continue
		}
		data := c.CertificateAuthorityData
		if len(data) == 0 && c.CertificateAuthority != "" {
			data, _ = os.ReadFile(c.CertificateAuthority) // one that cannot be read is none
		}
		if len(data) > 0 {
			found = append(append(found, data...), '\n')
		}
	}
	return found
}

// Ours reports whether psc created the context.
func Ours(context string) bool { return strings.HasPrefix(context, Prefix) }
