package kube

import (
	"context"
	"os"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/pscdev/psc/pkg/object"
)

// Token returns a new token of a service account, and when it expires. The API server may shorten the time:
// https://kubernetes.io/docs/reference/kubernetes-api/authentication-resources/token-request-v1/
func (c *Client) Token(ctx context.Context, namespace, account string, expires time.Duration) (token string, until time.Time, err error) {
	kind := authenticationv1.SchemeGroupVersion.WithKind("TokenRequest")
	request := &unstructured.Unstructured{Object: map[string]any{"spec": map[string]any{"expirationSeconds": int64(expires.Seconds())}}}
	request.SetGroupVersionKind(kind)
	request.SetName(account)
	made, err := retry(ctx, c, func() (*unstructured.Unstructured, error) {
		return c.in(object.ServiceAccount, namespace).Create(ctx, request, metav1.CreateOptions{}, "token")
	})
	if err != nil {
		return "", until, c.wrap(err, "create a token for ServiceAccount %s", account)
	}
	answer, err := As[authenticationv1.TokenRequest](made)
	if err != nil {
		return "", until, err
	}
	return answer.Status.Token, answer.Status.ExpirationTimestamp.Time, nil
}

// Kubeconfig returns a kubeconfig that signs in to this cluster with a token, and has nothing of the user's own credentials.
func (c *Client) Kubeconfig(namespace, user, token string) ([]byte, error) {
	cluster := &clientcmdapi.Cluster{
		Server: c.config.Host, TLSServerName: c.config.ServerName, InsecureSkipTLSVerify: c.config.Insecure,
		CertificateAuthorityData: c.config.CAData,
	}
	if len(cluster.CertificateAuthorityData) == 0 && c.config.CAFile != "" {
		var err error
		if cluster.CertificateAuthorityData, err = os.ReadFile(c.config.CAFile); err != nil {
			return nil, err
		}
	}
	config := clientcmdapi.NewConfig()
	name := namespace + "-" + user
	config.Clusters[name], config.AuthInfos[name] = cluster, &clientcmdapi.AuthInfo{Token: token}
	config.Contexts[name] = &clientcmdapi.Context{Cluster: name, AuthInfo: name, Namespace: namespace}
	config.CurrentContext = name
	return clientcmd.Write(*config)
}
