package kube

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/pscdev/psc/internal/fault"
)

// Rules returns kubectl's rules for which kubeconfig files are read. Without HOME and KUBECONFIG there are none, where kubectl
// takes .kube/config in the current folder, which may be anybody's.
func Rules(kubeconfig string) *clientcmd.ClientConfigLoadingRules {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	if os.Getenv(clientcmd.RecommendedConfigPathEnvVar) == "" && !filepath.IsAbs(clientcmd.RecommendedHomeFile) {
		rules.Precedence = nil
	}
	rules.MigrationRules = nil // they write to HOME, which need not be a folder
	rules.ExplicitPath = kubeconfig
	rules.WarnIfAllMissing = false
	return rules
}

// ReadConfig returns the kubeconfig, with all its files merged. In a cluster without any kubeconfig it is that of the service account.
func ReadConfig(kubeconfig string) (*clientcmdapi.Config, error) {
	rules := Rules(kubeconfig)
	config, err := rules.Load()
	if kubeconfig == "" && err == nil && len(config.Contexts) == 0 {
		if inCluster := account(accountFolder); inCluster != nil {
			return inCluster, nil
		}
	}
	switch {
	case kubeconfig == "" && len(rules.Precedence) == 0:
		return nil, fault.New(fault.Denied, "no kubeconfig: neither KUBECONFIG nor HOME is set").
			WithHint("set KUBECONFIG, or give --kubeconfig FILE")
	case errors.Is(err, os.ErrNotExist):
		return nil, fault.New(fault.Usage, "no kubeconfig at %s", kubeconfig)
	case err != nil:
		return nil, fault.New(fault.Usage, "%w", unreadable(rules, err))
	}
	return config, nil
}

// unreadable names the file that is no kubeconfig, and why. err is the error of the library for all files.
func unreadable(rules *clientcmd.ClientConfigLoadingRules, err error) error {
	files := rules.GetLoadingPrecedence()
	if rules.ExplicitPath != "" {
		files = []string{rules.ExplicitPath}
	}
	for _, file := range files {
		_, cause := clientcmd.LoadFromFile(file)
		var path *fs.PathError
		switch {
		case cause == nil, errors.Is(cause, fs.ErrNotExist):
			continue
		case errors.As(cause, &path):
			cause = path.Err
		case runtime.IsNotRegisteredError(cause), strings.HasPrefix(cause.Error(), "couldn't get version/kind"):
			return fmt.Errorf("%s is no kubeconfig: it needs apiVersion v1 and kind Config", file)
		}
		return fmt.Errorf("the kubeconfig %s cannot be read: %w", file, cause)
	}
	return fmt.Errorf("read the kubeconfig: %w", err)
}

// load reads the kubeconfig and returns it with the name of the context to use, which has a cluster.
func load(o Options) (*clientcmdapi.Config, string, error) {
	raw := o.Config
	if raw == nil {
		var err error
		if raw, err = ReadConfig(o.Kubeconfig); err != nil {
			return nil, "", err
		}
	}
	name := cmp.Or(o.Context, raw.CurrentContext)
	if name == "" {
		return nil, "", fault.New(fault.Denied, "not signed in: the kubeconfig has no current context").
			WithHint("psc login --context NAME, or psc login SERVER")
	}
	if raw.Contexts[name] == nil {
		return nil, "", fault.New(fault.Usage, "the kubeconfig has no context %q", name).
			WithHint("its contexts are: %s", namesOf(raw.Contexts))
	}
	return raw, name, incomplete(raw, name)
}

// incomplete returns the error for a context whose cluster or user the kubeconfig does not have. Without the user, each request
// would be anonymous. A context need not name a user: kubectl proxy asks for none.
func incomplete(raw *clientcmdapi.Config, name string) error {
	of := raw.Contexts[name]
	switch {
	case of.Cluster == "":
		return fault.New(fault.Usage, "context %q of the kubeconfig names no cluster", name).
			WithHint("%s", otherContext(raw, name))
	case raw.Clusters[of.Cluster] == nil:
		return fault.New(fault.Usage, "context %q names the cluster %q, which the kubeconfig does not have", name, of.Cluster).
			WithHint("%s", otherContext(raw, name))
	case of.AuthInfo != "" && raw.AuthInfos[of.AuthInfo] == nil:
		return fault.New(fault.Usage, "context %q names the user %q, whom the kubeconfig does not have", name, of.AuthInfo).
			WithHint("%s", otherContext(raw, name))
	}
	return nil
}

// unusable says which field of a context's cluster or user is wrong. err is the error of the library, which names values but
// mostly no fields.
func unusable(raw *clientcmdapi.Config, name string, err error) error {
	of := raw.Contexts[name]
	cluster, user := raw.Clusters[of.Cluster], raw.AuthInfos[of.AuthInfo]
	ofCluster := func(format string, args ...any) error {
		return fmt.Errorf("cluster %q: %w", of.Cluster, fmt.Errorf(format, args...))
	}
	ofUser := func(format string, args ...any) error {
		return fmt.Errorf("user %q: %w", of.AuthInfo, fmt.Errorf(format, args...))
	}
	if cluster.Server == "" {
		return ofCluster("server is missing")
	}
	if _, wrong := url.Parse(cluster.Server); wrong != nil {
		return ofCluster("server %q is not a URL", cluster.Server)
	}
	authority, wrong := content("certificate-authority", cluster.CertificateAuthority, cluster.CertificateAuthorityData)
	if wrong != nil {
		return ofCluster("%w", wrong)
	}
	if len(authority) > 0 && !x509.NewCertPool().AppendCertsFromPEM(authority) {
		return ofCluster("certificate-authority is not a certificate in PEM")
	}
	rest := errors.New(strings.TrimPrefix(err.Error(), "invalid configuration: "))
	if user == nil {
		return rest
	}
	certificate, wrong := content("client-certificate", user.ClientCertificate, user.ClientCertificateData)
	if wrong != nil {
		return ofUser("%w", wrong)
	}
	key, wrong := content("client-key", user.ClientKey, user.ClientKeyData)
	if wrong != nil {
		return ofUser("%w", wrong)
	}
	if _, wrong := content("tokenFile", user.TokenFile, nil); wrong != nil {
		return ofUser("%w", wrong)
	}
	switch {
	case len(certificate) > 0 && len(key) == 0:
		return ofUser("client-certificate needs client-key")
	case len(key) > 0 && len(certificate) == 0:
		return ofUser("client-key needs client-certificate")
	case len(certificate) > 0:
		if _, wrong := tls.X509KeyPair(certificate, key); wrong != nil {
			return ofUser("client-certificate and client-key: %w", wrong)
		}
	case user.AuthProvider != nil:
		return ofUser("psc does not know the auth provider %q, only exec plugins, which replace it", user.AuthProvider.Name)
	}
	return rest
}

// otherContext says how to get around a context that cannot be used.
func otherContext(raw *clientcmdapi.Config, name string) string {
	others := maps.Clone(raw.Contexts)
	delete(others, name)
	if len(others) == 0 {
		return "psc login SERVER, or correct it with kubectl config"
	}
	return "correct it with kubectl config, or choose another context with --context: " + namesOf(others)
}

// content returns the data of a field, or of its file.
func content(field, file string, data []byte) ([]byte, error) {
	if len(data) > 0 || file == "" {
		return data, nil
	}
	data, err := os.ReadFile(file)
	if path := (*fs.PathError)(nil); errors.As(err, &path) {
		return nil, fmt.Errorf("%s %s: %w", field, file, path.Err)
	}
	return data, err
}

func namesOf[T any](m map[string]T) string {
	if len(m) == 0 {
		return "none"
	}
	return strings.Join(slices.Sorted(maps.Keys(m)), ", ")
}
