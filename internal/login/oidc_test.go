package login_test

import (
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pscdev/psc/internal/fault"
	"github.com/pscdev/psc/internal/login"
	"github.com/pscdev/psc/internal/login/openshifttest"
)

// wrongIssuer is an issuer that answers as a test wants. The right answers are in the stories, which have a real issuer.
type wrongIssuer struct {
	*httptest.Server

	discovery map[string]any // what differs in its document
	claims    map[string]any // what differs in its ID tokens
	tokens    []string       // the answers of its token endpoint; the last one stays, and "" is an ID token
	page      bool           // all answers are HTML
	wait      time.Duration

	mu      sync.Mutex
	nonce   string
	asked   int
	revoked []string
}

func (i *wrongIssuer) start(t *testing.T) login.Issuer {
	t.Helper()
	i.Server = httptest.NewTLSServer(i)
	t.Cleanup(i.Close)
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: i.Certificate().Raw})
	return login.Issuer{URL: i.URL, ClientID: "psc", Authority: ca, Password: true}
}

func (i *wrongIssuer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	defer i.mu.Unlock()
	time.Sleep(i.wait)
	if i.page {
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, "<!doctype html><title>Proxy</title>")
		return
	}
	answer := map[string]any{}
	switch r.URL.Path {
	case "/.well-known/openid-configuration":
		answer = map[string]any{
			"issuer": i.URL, "authorization_endpoint": i.URL + "/authorize", "token_endpoint": i.URL + "/token", "revocation_endpoint": i.URL + "/revoke",
			"device_authorization_endpoint": i.URL + "/device", "grant_types_supported": []string{"password"}, "scopes_supported": []string{"openid", "email"},
		}
		for key, value := range i.discovery {
			answer[key] = value
		}
	case "/device":
		answer = map[string]any{"device_code": "secret", "user_code": "ABCD", "verification_uri": i.URL + "/enter", "expires_in": 30, "interval": 1}
	case "/revoke":
		i.revoked = append(i.revoked, r.FormValue("token"))
		return
	case "/token":
		text := i.tokens[min(i.asked, len(i.tokens)-1)]
		i.asked++
		if text == "redirect" {
			http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
			return
		}
		if text != "" {
			w.WriteHeader(http.StatusBadRequest)
			_, _ = io.WriteString(w, text)
			return
		}
		answer = map[string]any{"refresh_token": "refresh", "id_token": i.token()}
	default:
		i.asked = 1000 // psc has followed a redirect
	}
	_ = json.NewEncoder(w).Encode(answer)
}

func (i *wrongIssuer) token() string {
	now := time.Now().Unix()
	claims := map[string]any{"iss": i.URL, "aud": "psc", "iat": now, "exp": now + 60, "nonce": i.nonce}
	for key, value := range i.claims {
		claims[key] = value
	}
	data, _ := json.Marshal(claims)
	return "e30." + base64.RawURLEncoding.EncodeToString(data) + ".c2ln"
}

// browser answers as the browser of a user who signs in.
func (i *wrongIssuer) browser(t *testing.T, change func(url.Values)) func(string) {
	return func(address string) {
		u, err := url.Parse(address)
		if err != nil {
			t.Error(err)
			return
		}
		q := u.Query()
		i.mu.Lock()
		i.nonce = q.Get("nonce")
		i.mu.Unlock()
		if q.Get("code_challenge_method") != "S256" || q.Get("scope") != "openid email" || len(q.Get("code_challenge")) != 43 || q.Get("nonce") == "" {
			t.Errorf("the page is %s", address)
		}
		answer := url.Values{"code": {"c"}, "state": {q.Get("state")}}
		change(answer)
		go func() {
			if r, err := http.Get(q.Get("redirect_uri") + "?" + answer.Encode()); err == nil {
				_ = r.Body.Close()
			}
		}()
	}
}

func TestWrongIssuer(t *testing.T) {
	for name, test := range map[string]struct {
		issuer  *wrongIssuer
		change  func(url.Values)
		want    string
		revokes bool
	}{
		"right":              {&wrongIssuer{}, nil, "", false},
		"another name":       {&wrongIssuer{discovery: map[string]any{"issuer": "https://id.example.com"}}, nil, `says that it is the issuer "https://id.example.com"`, false},
		"no token endpoint":  {&wrongIssuer{discovery: map[string]any{"token_endpoint": ""}}, nil, "no token endpoint", false},
		"plain http":         {&wrongIssuer{discovery: map[string]any{"token_endpoint": "http://127.0.0.1/token"}}, nil, "no token endpoint with an https address", false},
		"no page":            {&wrongIssuer{discovery: map[string]any{"authorization_endpoint": ""}}, nil, "no authorization endpoint", false},
		"HTML":               {&wrongIssuer{page: true}, nil, "is not JSON", false},
		"state differs":      {&wrongIssuer{}, func(a url.Values) { a.Set("state", "x") }, "its state differs", false},
		"no state":           {&wrongIssuer{}, func(a url.Values) { a.Del("state") }, "its state differs", false},
		"user says no":       {&wrongIssuer{}, func(a url.Values) { a.Set("error", "access_denied") }, "refuses the sign-in: access_denied", false},
		"nonce differs":      {&wrongIssuer{claims: map[string]any{"nonce": "x"}}, nil, "its nonce differs", true},
		"no nonce":           {&wrongIssuer{claims: map[string]any{"nonce": nil}}, nil, "its nonce differs", true},
		"for another client": {&wrongIssuer{claims: map[string]any{"aud": []string{"a", "b"}}}, nil, `is for ["a" "b"], and not for psc`, true},
		"of another issuer":  {&wrongIssuer{claims: map[string]any{"iss": "https://id.example.com"}}, nil, `is one of "https://id.example.com"`, true},
		"expired":            {&wrongIssuer{claims: map[string]any{"exp": 1}}, nil, "has expired already", true},
		"code refused":       {&wrongIssuer{tokens: []string{`{"error": "invalid_grant", "error_description": "code_verifier is wrong"}`}}, nil, "gives no token: invalid_grant code_verifier is wrong", false},
		"redirect":           {&wrongIssuer{tokens: []string{"redirect"}}, nil, "gives no token: Temporary Redirect", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			i := test.issuer
			if i.tokens == nil {
				i.tokens = []string{""}
			}
			provider, err := i.start(t).Discover(t.Context())
			var tokens login.Tokens
			if err == nil {
				tokens, err = provider.Browser(t.Context(), i.browser(t, func(a url.Values) {
					if test.change != nil {
						test.change(a)
					}
				}), nil)
			}
			if test.want == "" && (err != nil || tokens.How != "browser" || tokens.Refresh != "refresh") || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("%+v, %v, want %q", tokens, err, test.want)
			}
			if test.revokes != (len(i.revoked) == 1) || i.asked >= 1000 {
				t.Errorf("revoked %q, asked %d", i.revoked, i.asked)
			}
		})
	}
}

// The answers while a user enters a code on another machine.
func TestDevice(t *testing.T) {
	problem := func(why string) string { return fmt.Sprintf(`{"error": %q}`, why) }
	for name, test := range map[string]struct {
		tokens []string
		want   string
		least  time.Duration
	}{
		"entered":       {[]string{problem("authorization_pending"), ""}, "", 2 * time.Second},
		"slow down":     {[]string{problem("slow_down"), ""}, "", 7 * time.Second},
		"denied":        {[]string{problem("access_denied")}, "refuses the sign-in: access_denied", 0},
		"expired":       {[]string{problem("expired_token")}, "the code has expired", 0},
		"another error": {[]string{problem("invalid_client")}, "refuses the sign-in: invalid_client", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			i := &wrongIssuer{tokens: test.tokens}
			provider, err := i.start(t).Discover(t.Context())
			if err != nil || !provider.HasDevice() {
				t.Fatal(err)
			}
			var shown login.DeviceCode
			begin := time.Now()
			tokens, err := provider.Device(t.Context(), func(d login.DeviceCode) { shown = d })
			if shown.Code != "ABCD" || shown.Page != i.URL+"/enter" || time.Since(begin) < test.least {
				t.Errorf("%+v after %s", shown, time.Since(begin))
			}
			if test.want == "" && (err != nil || tokens.How != "code") || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want) || fault.Of(err).Code != fault.Denied) {
				t.Errorf("%+v, %v, want %q", tokens, err, test.want)
			}
		})
	}
}

func TestIssuerPassword(t *testing.T) {
	i := &wrongIssuer{tokens: []string{`{"error": "invalid_grant"}`}}
	issuer := i.start(t)
	provider, err := issuer.Discover(t.Context())
	if err != nil || !provider.TakesPasswords() {
		t.Fatal(err)
	}
	if _, err := provider.Password(t.Context(), "alice", "secret"); !errors.Is(err, login.ErrPassword) {
		t.Errorf("wrong password: %v", err)
	}
	issuer.Password = false // the owner of the platform does not want it
	if provider, err = issuer.Discover(t.Context()); err != nil || provider.TakesPasswords() {
		t.Errorf("takes passwords: %v", err)
	}
	for address, want := range map[string]string{"http://id.example.com": "is not an https address", "https://127.0.0.1:1": "does not answer: "} {
		_, err := login.Issuer{URL: address, ClientID: "psc"}.Discover(t.Context())
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", address, err)
		}
	}
}

// What a server offers: its own document comes before the one of the cluster, and that before OpenShift's.
func TestOffer(t *testing.T) {
	document := func(issuer, client string) string {
		return fmt.Sprintf(`{"login": {"issuer": %q, "clientID": %q, "scopes": ["openid"], "password": true}}`, issuer, client)
	}
	inCluster := func(doc string) string {
		data, _ := json.Marshal(map[string]any{"data": map[string]string{"psc.json": doc}})
		return string(data)
	}
	for name, test := range map[string]struct {
		own, cluster string
		openshift    bool
		want         string // the client, "openshift", an error, or nothing
	}{
		"nothing":              {"", "", false, ""},
		"own":                  {document("https://id", "own"), inCluster(document("https://id", "cluster")), true, "own"},
		"cluster":              {"", inCluster(document("https://id", "cluster")), true, "cluster"},
		"page and cluster":     {"<!doctype html>", inCluster(document("https://id", "cluster")), true, "cluster"},
		"no login":             {`{}`, inCluster(`{}`), true, "openshift"},
		"plain http":           {document("http://id", "own"), "", false, `login.issuer "http://id" is not an https address`},
		"no client":            {"", inCluster(document("https://id", "")), false, "key psc.json: login.clientID is empty"},
		"not JSON":             {"", inCluster("issuer: https://id"), false, "ConfigMap kube-public/psc-login, key psc.json: invalid"},
		"wrong, but OpenShift": {document("http://id", "own"), "", true, "openshift"},
	} {
		t.Run(name, func(t *testing.T) {
			s := &openshifttest.Server{API: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) })}
			behind := s.Start()
			defer behind.Close()
			front := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				text := map[string]string{"/.well-known/psc.json": test.own, "/api/v1/namespaces/kube-public/configmaps/psc-login": test.cluster}[r.URL.Path]
				if strings.HasPrefix(r.URL.Path, "/.well-known/oauth") && test.openshift {
					behind.Config.Handler.ServeHTTP(w, r)
				} else if text == "" {
					w.WriteHeader(http.StatusForbidden)
				}
				_, _ = io.WriteString(w, text)
			}))
			defer front.Close()
			offer, err := found(t, front, login.Search{Authority: authority(t, front)}).Offer(t.Context(), t.Logf)
			got := ""
			switch {
			case offer.Issuer != nil:
				got = offer.Issuer.ClientID
			case offer.OAuth != nil:
				got = "openshift"
			case err != nil:
				got = err.Error()
			}
			if !strings.Contains(got, test.want) || test.want == "" && got != "" {
				t.Errorf("%q, want %q", got, test.want)
			}
		})
	}
}

// A page names the API server and how its users sign in. The API server is not asked again.
func TestOfferOfPage(t *testing.T) {
	api, _ := openshift(t, &openshifttest.Server{})
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: api.Certificate().Raw})
	document, _ := json.Marshal(map[string]any{
		"server": api.URL, "certificateAuthorityData": ca, "login": map[string]any{"issuer": "https://id", "clientID": "psc", "scopes": []string{"openid"}},
	})
	for name, others := range map[string]http.HandlerFunc{
		"page":         func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Content-Type", "text/html") },
		"nothing else": http.NotFound,
	} {
		page := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/.well-known/psc.json" {
				others(w, r)
				return
			}
			_, _ = w.Write(document)
		}))
		server := found(t, page, login.Search{Authority: authority(t, page)})
		offer, err := server.Offer(t.Context(), t.Logf)
		if err != nil || server.Address != api.URL || offer.Issuer == nil || offer.Issuer.URL != "https://id" || offer.OAuth != nil {
			t.Errorf("%s: %s, %+v, %v", name, server.Address, offer, err)
		}
		page.Close()
	}
}

// A server that does not answer one question does not keep psc from the answers to the others.
func TestOfferInTime(t *testing.T) {
	t.Parallel()
	front := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		switch r.URL.Path {
		case "/.well-known/psc.json":
			<-r.Context().Done()
		case "/api/v1/namespaces/kube-public/configmaps/psc-login":
			_, _ = io.WriteString(w, `{"data": {"psc.json": "{\"login\": {\"issuer\": \"https://id\", \"clientID\": \"psc\"}}"}}`)
		default:
			w.WriteHeader(http.StatusForbidden)
		}
	}))
	defer front.Close()
	begin := time.Now()
	offer, err := found(t, front, login.Search{Authority: authority(t, front)}).Offer(t.Context(), t.Logf)
	if err != nil || offer.Issuer == nil || time.Since(begin) < 3*time.Second {
		t.Errorf("%+v, %v after %s", offer, err, time.Since(begin))
	}
}
