package kube

import (
	"net"
	"os"
	"path/filepath"
	"strings"

	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// accountFolder has the credentials of a container's service account:
// https://kubernetes.io/docs/tasks/run-application/access-api-from-pod/#directly-accessing-the-rest-api
const accountFolder = "/var/run/secrets/kubernetes.io/serviceaccount"

// accountContext is the name of the context of a service account.
const accountContext = "in-cluster"

// account returns a kubeconfig for the service account of the container that psc runs in; nil outside of a cluster. The token is read
// from its file again when the cluster has replaced it.
func account(folder string) *clientcmdapi.Config {
	host, port := os.Getenv("KUBERNETES_SERVICE_HOST"), os.Getenv("KUBERNETES_SERVICE_PORT")
	token := filepath.Join(folder, "token")
	if _, err := os.Stat(token); err != nil || host == "" || port == "" {
		return nil
	}
	namespace, _ := os.ReadFile(filepath.Join(folder, "namespace"))
	config := clientcmdapi.NewConfig()
	config.Clusters[accountContext] = &clientcmdapi.Cluster{
		Server: "https://" + net.JoinHostPort(host, port), CertificateAuthority: filepath.Join(folder, "ca.crt"),
	}
	config.AuthInfos[accountContext] = &clientcmdapi.AuthInfo{TokenFile: token}
	config.Contexts[accountContext] = &clientcmdapi.Context{
		Cluster: accountContext, AuthInfo: accountContext, Namespace: strings.TrimSpace(string(namespace)),
	}
	config.CurrentContext = accountContext
	return config
}
