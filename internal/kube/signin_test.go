package kube

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/client-go/tools/clientcmd"
)

func TestSignIn(t *testing.T) {
	jwt := "e30." + base64.RawURLEncoding.EncodeToString([]byte(`{"exp": 1800000000}`)) + ".x"
	end := time.Unix(1800000000, 0).UTC()
	for user, want := range map[string]SignIn{
		`{}`:                                 {},
		`{token: opaque}`:                    {How: "token"},
		`{token: a.b.c}`:                     {How: "token"},
		`{token: ` + jwt + `}`:               {How: "token", Until: end},
		`{username: a, password: b}`:         {How: "password"},
		`{client-certificate: no-such-file}`: {How: "certificate", Kept: "no-such-file"},
		`{exec: {command: aws, apiVersion: client.authentication.k8s.io/v1, interactiveMode: Never}}`:                        {How: "plugin", Plugin: "aws"},
		`{token: sha256~x, extensions: [{name: psc.dev/sign-in, extension: {how: browser, until: "2027-01-15T08:00:00Z"}}]}`: {How: "browser", Until: end},
	} {
		config, err := clientcmd.Load([]byte(`{apiVersion: v1, kind: Config, clusters: [{name: c, cluster: {server: "https://x"}}],
  users: [{name: u, user: ` + user + `}], contexts: [{name: x, context: {cluster: c, user: u}}]}`))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, signIn(config, "x")); diff != "" {
			t.Errorf("%s: %s", user, diff)
		}
	}
}

// In a container psc is its service account. Without one, or with a kubeconfig, it is not.
func TestAccount(t *testing.T) {
	folder := t.TempDir()
	for name, text := range map[string]string{"token": "t", "ca.crt": "c", "namespace": "shop\n"} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("KUBERNETES_SERVICE_HOST", "fd00::1")
	t.Setenv("KUBERNETES_SERVICE_PORT", "443")
	config := account(folder)
	if config == nil || config.Clusters[accountContext].Server != "https://[fd00::1]:443" || config.Contexts[accountContext].Namespace != "shop" ||
		config.AuthInfos[accountContext].TokenFile != filepath.Join(folder, "token") || config.CurrentContext != accountContext {
		t.Errorf("%+v", config)
	}
	if account(t.TempDir()) != nil {
		t.Error("an account without a token")
	}
	t.Setenv("KUBERNETES_SERVICE_HOST", "")
	if account(folder) != nil {
		t.Error("an account outside of a cluster")
	}
}
