// Package login manages the kubeconfig entries that psc creates: a cluster, a user and a context whose names have its prefix.
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

// prefix is the prefix of the name of every entry that psc creates.
const prefix = "psc/"

// Request describes a server and a user who signs in to it.
type Request struct {
	// Server is the address of the API server; https is assumed.
	Server string
	// Token is a bearer token; empty with a client certificate.
	Token string
	// Certificate and Key are files with a client certificate.
	Certificate, Key string
	// Authority is a file with the certificate authority of the server; empty for the system's own.
	Authority string
	// Insecure skips the check of the server's certificate.
	Insecure bool
}

// Entry returns a kubeconfig with only the entries for a request, which include the content of its files, and the name of the
// context.
func Entry(r Request) (*clientcmdapi.Config, string, error) {
	address := r.Server
	if !strings.Contains(address, "://") {
		address = "https://" + address
	}
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return nil, "", fault.New(fault.Usage, "%q is not the address of a server such as https://api.example.com:6443", r.Server)
	}
	if r.Token != "" && u.Scheme == "http" {
		return nil, "", fault.New(fault.Usage, "a token is only sent over https, not to %s", address)
	}
	cluster := &clientcmdapi.Cluster{Server: address, InsecureSkipTLSVerify: r.Insecure}
	user := &clientcmdapi.AuthInfo{Token: r.Token}
	for _, f := range []struct {
		path string
		to   *[]byte
	}{{r.Authority, &cluster.CertificateAuthorityData}, {r.Certificate, &user.ClientCertificateData}, {r.Key, &user.ClientKeyData}} {
		if f.path == "" {
			continue
		}
		if *f.to, err = os.ReadFile(f.path); err != nil {
			return nil, "", fault.Wrap(fault.Usage, err)
		}
	}
	name := prefix + u.Host
	config := clientcmdapi.NewConfig()
	config.Clusters[name], config.AuthInfos[name] = cluster, user
	config.Contexts[name] = &clientcmdapi.Context{Cluster: name, AuthInfo: name}
	return config, name, nil
}

// Contexts returns the sorted names of the contexts and the current one, or none if the kubeconfig cannot be read.
func Contexts(kubeconfig string) (names []string, current string) {
	config, err := kube.Rules(kubeconfig).Load()
	if err != nil {
		return nil, ""
	}
	return slices.Sorted(maps.Keys(config.Contexts)), config.CurrentContext
}

// Ours reports whether psc created the context.
func Ours(context string) bool { return strings.HasPrefix(context, prefix) }
