package kube

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pscdev/psc/internal/fault"
)

// TestKubeconfig holds that an error about a kubeconfig names the file, or the context and the field that is wrong.
func TestKubeconfig(t *testing.T) {
	const head = "apiVersion: v1\nkind: Config\ncurrent-context: a\n"
	const context = head + "contexts: [{name: a, context: {cluster: x, user: u}}, {name: b, context: {cluster: z}}]\n"
	const cluster = context + "clusters: [{name: x, cluster: {server: 'https://127.0.0.1:1'}}]\n"
	const token = "users: [{name: u, user: {token: t}}]\n"
	user := func(fields string) string { return cluster + "users: [{name: u, user: {" + fields + "}}]\n" }
	of := func(fields string) string {
		return context + "clusters: [{name: x, cluster: {" + fields + "}}]\n" + token
	}
	tests := []struct{ name, text, want string }{
		{"complete", cluster + token, ""},
		{"no user is named", head + "contexts: [{name: a, context: {cluster: x}}]\nclusters: [{name: x, cluster: {server: 'https://127.0.0.1:1'}}]", ""},
		{"not YAML", head + "contexts: [{name: a\n", "the kubeconfig FILE cannot be read: yaml: line "},
		{"text", "hello\n", "FILE is no kubeconfig: it needs apiVersion v1 and kind Config"},
		{"another kind", "apiVersion: v1\nkind: Pod\n", "FILE is no kubeconfig: it needs apiVersion v1 and kind Config"},
		{"no current context", "apiVersion: v1\nkind: Config\n", "not signed in: the kubeconfig has no current context"},
		{"no such context", head, `the kubeconfig has no context "a"`},
		{"no cluster is named", head + "contexts: [{name: a, context: {user: u}}]", `context "a" of the kubeconfig names no cluster`},
		{"no such cluster", context + token, `context "a" names the cluster "x", which the kubeconfig does not have`},
		{"no such user", cluster, `context "a" names the user "u", whom the kubeconfig does not have`},
		{"no server", of("insecure-skip-tls-verify: true"), `cluster "x": server is missing`},
		{"not a URL", of("server: 'https://[bad'"), `cluster "x": server "https://[bad" is not a URL`},
		{"no CA file", of("server: 'https://h', certificate-authority: /gone.crt"), `cluster "x": certificate-authority /gone.crt: no such file or directory`},
		{"not a CA", of("server: 'https://h', certificate-authority-data: aGVsbG8="), `cluster "x": certificate-authority is not a certificate in PEM`},
		{"proxy", of("server: 'https://h', proxy-url: 'ftp://x'"), `invalid 'proxy-url' "ftp://x" for cluster "x"`},
		{"no certificate", user("client-certificate: /gone.crt, client-key: /gone.key"), `user "u": client-certificate /gone.crt: no such file or directory`},
		{"no key", user("client-certificate-data: aGVsbG8="), `user "u": client-certificate needs client-key`},
		{"not a certificate", user("client-certificate-data: aGVsbG8=, client-key-data: aGVsbG8="), `user "u": client-certificate and client-key: tls: `},
		{"no token file", user("tokenFile: /gone"), `user "u": tokenFile /gone: no such file or directory`},
		{"auth provider", user("auth-provider: {name: gcp}"), `user "u": psc does not know the auth provider "gcp"`},
		{"plugin", user("exec: {apiVersion: client.authentication.k8s.io/v1, interactiveMode: Never}"), "command must be specified for u"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "config")
			if err := os.WriteFile(file, []byte(tt.text), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := Connect(Options{Kubeconfig: file})
			if tt.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			want := strings.ReplaceAll(tt.want, "FILE", file)
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Fatalf("got %v, want %s", err, want)
			}
			if fault.Of(err).Code == fault.Failed {
				t.Errorf("the exit code is that of a failure, not of wrong usage")
			}
			if strings.Contains(err.Error(), "invalid configuration") {
				t.Errorf("a message of the library: %v", err)
			}
		})
	}
	if _, err := Connect(Options{Kubeconfig: t.TempDir()}); err == nil || !strings.Contains(err.Error(), "is a directory") {
		t.Errorf("a folder: got %v", err)
	}
}
