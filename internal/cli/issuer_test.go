package cli_test

import (
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"go.yaml.in/yaml/v3"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/pscdev/psc/internal/login/issuertest"
)

// issuer puts an API server in front of the cluster that accepts the tokens of an OpenID Connect issuer, and makes the user one who
// has signed in to $ISSUED, the address of the API server, as the context $CONTEXT, with a token that has expired since. The user is
// called alice@acme.eu in the settings only: the cluster knows the user as an admin.
//
//	issuer starts       only starts the issuer: its address is $ISSUER, and its certificate authority issuer.crt
//	issuer refreshes N  checks how often the issuer was asked for tokens since the last check: a number, or "some"
//	issuer revoked      checks that the refresh token was revoked
//	issuer away N       the next N requests for tokens fail
//	issuer ends         the issuer accepts the refresh token no longer
//	issuer life TIME    is how long the next tokens are valid
//	issuer rejects WHAT the API server no longer accepts the token of the next request that matches METHOD URI
//	issuer slow WHAT    the API server takes the life of a token for the next request that matches, before it looks at the next ones
func (c *cluster) issuer(ts *testscript.TestScript, neg bool, args []string) {
	i, _ := ts.Value(issuerKey{}).(*issuerOf)
	word := ""
	if len(args) > 1 {
		word = args[1]
	}
	switch {
	case neg || i == nil:
		ts.Fatalf("see issuer_test.go")
	case len(args) == 0:
		c.signedIn(ts, i)
	case args[0] == "starts":
		started := issuertest.Start()
		ts.Defer(started.Close)
		ts.Setenv("ISSUER", started.URL)
		ts.Check(os.WriteFile(ts.MkAbs("issuer.crt"), started.Issuer().Authority, 0o600))
	case args[0] == "refreshes":
		seen := i.State().Refreshes - i.seen
		if fmt.Sprint(seen) != word && (word != "some" || seen == 0) {
			ts.Fatalf("%d refreshes", seen)
		}
		i.seen += seen
	case args[0] == "revoked":
		if s := i.State(); len(s.Revoked) != 1 || s.Last != "" {
			ts.Fatalf("revoked: %q", s.Revoked)
		}
	case args[0] == "away":
		i.Change(func(s *issuertest.State) { _, _ = fmt.Sscan(word, &s.Fails) })
	case args[0] == "ends":
		i.Change(func(s *issuertest.State) { s.Last = "" })
	case args[0] == "life":
		life, err := time.ParseDuration(word)
		ts.Check(err)
		i.Change(func(s *issuertest.State) { s.Life = life })
	case args[0] == "rejects":
		i.rejects.Store(regexp.MustCompile(word))
	case args[0] == "slow":
		i.slow.Store(regexp.MustCompile(word))
	default:
		ts.Fatalf("unknown: %q", args)
	}
}

type issuerKey struct{}

// issuerOf is the issuer of a story.
type issuerOf struct {
	*issuertest.Server
	seen          int
	rejects, slow atomic.Pointer[regexp.Regexp]
}

// api is an API server that trusts the issuer.
func (i *issuerOf) api(behind http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token, line := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "), r.Method+" "+r.URL.RequestURI()
		if what := i.rejects.Load(); what != nil && what.MatchString(line) && i.rejects.CompareAndSwap(what, nil) {
			i.Reject(token)
		}
		if !i.Accepts(token) {
			refuse(w, http.StatusUnauthorized)
			return
		}
		if what := i.slow.Load(); what != nil && what.MatchString(line) && i.slow.CompareAndSwap(what, nil) {
			time.Sleep(i.State().Life)
		}
		behind.ServeHTTP(w, r)
	})
}

func (c *cluster) signedIn(ts *testscript.TestScript, i *issuerOf) {
	if i.Server == nil {
		i.Server = issuertest.Start()
		ts.Defer(i.Close)
		behind, err := c.proxy()
		ts.Check(err)
		front := httptest.NewUnstartedServer(i.api(behind))
		front.Config.ErrorLog = log.New(io.Discard, "", 0)
		front.StartTLS()
		ts.Defer(front.CloseClientConnections)
		ts.Setenv("ISSUED", front.URL)
		ts.Check(os.WriteFile(ts.MkAbs("issued.crt"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: front.Certificate().Raw}), 0o600))
	}
	i.Change(func(s *issuertest.State) { s.Last = "refresh-first" })
	u, err := url.Parse(ts.Getenv("ISSUED"))
	ts.Check(err)
	entry := "psc/" + u.Host
	ts.Setenv("CONTEXT", entry)
	ts.Setenv("KUBECONFIG", filepath.Join(ts.Getenv("WORK"), "issued"))
	ts.Check(clientcmd.WriteToFile(clientcmdapi.Config{
		Clusters: map[string]*clientcmdapi.Cluster{entry: {Server: u.String(), CertificateAuthority: ts.MkAbs("issued.crt")}},
		AuthInfos: map[string]*clientcmdapi.AuthInfo{entry: {Exec: &clientcmdapi.ExecConfig{
			Command: "psc", Args: []string{"credential", entry}, APIVersion: "client.authentication.k8s.io/v1", InteractiveMode: "Never",
		}}},
		Contexts:       map[string]*clientcmdapi.Context{entry: {Cluster: entry, AuthInfo: entry}},
		CurrentContext: entry,
	}, ts.Getenv("KUBECONFIG")))

	issuer := i.Issuer()
	settings, err := yaml.Marshal(map[string]any{"context": entry, "logins": []any{map[string]any{
		"name": entry, "address": "apps.example.com", "issuer": issuer.URL, "clientID": issuer.ClientID, "certificateAuthority": string(issuer.Authority),
	}}})
	ts.Check(err)
	then := time.Now().Add(-time.Hour)
	record, err := json.Marshal(map[string]any{
		"issuer": issuer.URL, "clientID": issuer.ClientID, "how": "browser", "token": "token-first", "issued": then, "until": then.Add(time.Minute),
		"refreshToken": "refresh-first",
	})
	ts.Check(err)
	for path, data := range map[string][]byte{
		".config/psc/config.yaml": settings, ".local/state/psc/" + url.QueryEscape(entry) + ".json": record,
	} {
		ts.Check(os.MkdirAll(filepath.Dir(ts.MkAbs(path)), 0o700))
		ts.Check(os.WriteFile(ts.MkAbs(path), data, 0o600))
	}
}
