package kube

import (
	"context"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/pscdev/psc/internal/fault"
)

// issued are tokens: each one that is rejected has a successor, until there is none.
type issued struct {
	tokens []string
	asked  int
}

func (i *issued) Token(_ context.Context, _, rejected string) (string, time.Time, error) {
	if rejected == i.tokens[0] {
		i.asked++
		i.tokens = i.tokens[1:]
	}
	if len(i.tokens) == 0 {
		i.tokens = []string{""}
	}
	if i.tokens[0] == "" {
		return "", time.Time{}, fault.New(fault.Denied, "your sign-in has expired").WithHint("psc login apps.example.com")
	}
	return i.tokens[0], time.Now().Add(time.Hour), nil
}

func (i *issued) SignIn(string) SignIn { return SignIn{How: "browser", Address: "apps.example.com"} }

// A request that the API server does not accept causes one renewal and one retry. If the user has to sign in again, the error has
// the code and the command, and counts as an answer of the API server.
func TestOwn(t *testing.T) {
	accepted, requests := "second", 0
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests++
		w.Header().Set("Content-Type", "application/json")
		body, err := io.ReadAll(r.Body)
		switch {
		case err != nil || !strings.Contains(string(body), "SelfSubjectReview"):
			t.Errorf("body %q, %v", body, err)
		case r.Header.Get("Authorization") != "Bearer "+accepted:
			w.WriteHeader(http.StatusUnauthorized)
			fmt.Fprint(w, `{"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "Unauthorized", "code": 401}`)
		default:
			fmt.Fprint(w, `{"kind": "SelfSubjectReview", "apiVersion": "authentication.k8s.io/v1", "status": {"userInfo": {"username": "alice"}}}`)
		}
	}))
	defer server.Close()
	config := clientcmdapi.NewConfig()
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	config.Clusters["c"] = &clientcmdapi.Cluster{Server: server.URL, CertificateAuthorityData: ca}
	config.AuthInfos["u"] = &clientcmdapi.AuthInfo{Exec: Plugin("psc/c")}
	config.Contexts["x"] = &clientcmdapi.Context{Cluster: "c", AuthInfo: "u"}
	connect := func(i *issued) *Client {
		c, err := Connect(Options{Config: config, Context: "x", Credentials: i})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}

	i := &issued{tokens: []string{"first", "second"}}
	if user, err := connect(i).Whoami(t.Context()); err != nil || user.Name != "alice" || i.asked != 1 || requests != 2 {
		t.Errorf("%v, %v, %d renewals, %d requests", user, err, i.asked, requests)
	}
	i = &issued{tokens: []string{"first"}}
	_, err := connect(i).Whoami(t.Context())
	if e := fault.Of(err); e.Code != fault.Denied || e.Error() != "context x: your sign-in has expired" || e.Hint != "psc login apps.example.com" || !apierrors.IsUnauthorized(err) {
		t.Errorf("expired: %v, %q", err, e.Hint)
	}
	// A server that knows no token of the issuer does not cause a renewal for each request.
	i, accepted, requests = &issued{tokens: []string{"1", "2", "3", "4"}}, "none", 0
	c := connect(i)
	for range 3 {
		_, err = c.Whoami(t.Context())
	}
	if e := fault.Of(err); e.Code != fault.Denied || e.Hint != "psc login apps.example.com" || i.asked != 1 || requests != 6 {
		t.Errorf("unknown issuer: %v, %q, %d renewals, %d requests", err, e.Hint, i.asked, requests)
	}
}

// Only a user whose plugin is psc gets its tokens without running it.
func TestOwnOf(t *testing.T) {
	for command, want := range map[string]bool{
		"psc credential psc/c": true, "/usr/bin/psc credential psc/c": true, "/bin/kubectl-psc credential psc/c": true, "psc.exe credential psc/c": true,
		"psc credential": false, "psc whoami psc/c": false, "psc credential psc/c -v": false, "other credential psc/c": false, "": false,
	} {
		user := &clientcmdapi.AuthInfo{}
		if words := strings.Fields(command); len(words) > 0 {
			user.Exec = &clientcmdapi.ExecConfig{Command: words[0], Args: words[1:]}
		}
		if got := ownOf(user, &issued{}); (got != nil) != want {
			t.Errorf("%q: %v", command, got)
		}
		if ownOf(user, nil) != nil {
			t.Errorf("%q without credentials", command)
		}
	}
}
