package login

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"k8s.io/apimachinery/pkg/runtime"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/pscdev/psc/internal/kube"
)

// extensions returns what psc notes about a token that was issued to it, for kube.Client.SignIn.
func (t Token) extensions() (map[string]runtime.Object, error) {
	if t.How == "" {
		return nil, nil //nolint:nilnil // there is nothing to note
	}
	data, err := json.Marshal(kube.Note{How: t.How, Until: t.Until})
	return map[string]runtime.Object{kube.NoteName: &runtime.Unknown{Raw: data, ContentType: runtime.ContentTypeJSON}}, err
}

// Revoke makes the server forget the token of a context that psc created, if the server issued it to psc.
func Revoke(ctx context.Context, kubeconfig, name string) error {
	config, err := kube.Rules(kubeconfig).Load()
	if err != nil {
		return err
	}
	return RevokeIn(ctx, config, name)
}

// RevokeIn is Revoke for the entries that Entry has made, which may not be in the kubeconfig.
func RevokeIn(ctx context.Context, config *clientcmdapi.Config, name string) error {
	cluster, user := config.Clusters[name], config.AuthInfos[name]
	if cluster == nil || user == nil || user.Extensions[kube.NoteName] == nil {
		return nil
	}
	object, ok := tokenName(user.Token)
	if !ok {
		return nil
	}
	settings := &tls.Config{InsecureSkipVerify: cluster.InsecureSkipTLSVerify} //nolint:gosec // as the user wanted it
	if len(cluster.CertificateAuthorityData) > 0 {
		settings.RootCAs = pool(cluster.CertificateAuthorityData)
	}
	address := cluster.Server + "/apis/oauth.openshift.io/v1/useroauthaccesstokens/" + object
	request, err := http.NewRequestWithContext(ctx, http.MethodDelete, address, nil)
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", "Bearer "+user.Token)
	answer, err := anonymous(settings).Do(request)
	var failed *url.Error
	if errors.As(err, &failed) {
		err = failed.Err
	}
	if err != nil {
		return err
	}
	_ = answer.Body.Close()
	switch answer.StatusCode {
	case http.StatusOK, http.StatusAccepted, http.StatusNotFound, http.StatusUnauthorized: // the last two: it is gone or has expired
		return nil
	}
	return fmt.Errorf("the server answers %s", answer.Status)
}
