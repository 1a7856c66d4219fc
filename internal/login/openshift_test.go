package login_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/pscdev/psc/internal/fault"
	"github.com/pscdev/psc/internal/login"
	"github.com/pscdev/psc/internal/login/openshifttest"
)

// openshift returns an OpenShift with the user alice, and its OAuth server as psc sees it.
func openshift(t *testing.T, s *openshifttest.Server) (*httptest.Server, *login.OAuth) {
	t.Helper()
	s.Users = map[string]string{"alice": "correct horse"}
	s.API = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusForbidden)
	})
	front := s.Start()
	t.Cleanup(front.Close)
	offer, err := found(t, front, login.Search{Authority: authority(t, front)}).Offer(t.Context(), t.Logf)
	if err != nil || offer.OAuth == nil {
		t.Fatal(offer, err)
	}
	return front, offer.OAuth
}

func authority(t *testing.T, front *httptest.Server) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ca.crt")
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: front.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func found(t *testing.T, front *httptest.Server, s login.Search) *login.Server {
	t.Helper()
	s.Address = front.URL
	server, err := s.Find(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return server
}

func TestPassword(t *testing.T) {
	s := &openshifttest.Server{}
	_, oauth := openshift(t, s)
	if takes, err := oauth.TakesPasswords(t.Context()); err != nil || !takes {
		t.Errorf("takes passwords: %v %v", takes, err)
	}
	if _, err := oauth.Password(t.Context(), "alice", "wrong"); !errors.Is(err, login.ErrPassword) {
		t.Errorf("wrong password: %v", err)
	}
	token, err := oauth.Password(t.Context(), "alice", "correct horse")
	if err != nil || !strings.HasPrefix(token.Secret, "sha256~") || time.Until(token.Until) < 23*time.Hour || token.How != "password" {
		t.Errorf("token: %+v %v", token.Until, err)
	}
	s.BrowserOnly = true
	if takes, err := oauth.TakesPasswords(t.Context()); err != nil || takes {
		t.Errorf("takes passwords: %v %v", takes, err)
	}
	if valid, issued := s.Tokens(); valid != 1 || issued != 1 {
		t.Errorf("%d tokens, %d issued", valid, issued)
	}
}

// browse fills in the form of the page as a user does, and returns where the server sends the browser.
func browse(t *testing.T, front *httptest.Server, address string) string {
	t.Helper()
	client := front.Client()
	client.Jar, _ = cookiejar.New(nil)
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	page, err := client.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	defer page.Body.Close()
	html, _ := io.ReadAll(page.Body)
	then := regexp.MustCompile(`name="then" type="hidden" value="([^"]*)"`).FindSubmatch(html)
	if then == nil {
		t.Fatalf("no form: %s", html)
	}
	answer, err := client.PostForm(front.URL+"/login", url.Values{
		"then": {strings.ReplaceAll(string(then[1]), "&amp;", "&")}, "username": {"alice"}, "password": {"correct horse"},
	})
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	return answer.Header.Get("Location")
}

func TestBrowser(t *testing.T) {
	for name, test := range map[string]struct {
		change func(location string) string // of where the server sends the browser
		want   string
	}{
		"signed in":      {func(l string) string { return l }, ""},
		"state differs":  {func(l string) string { return regexp.MustCompile(`state=\w+`).ReplaceAllString(l, "state=x") }, "its state differs"},
		"no state":       {func(l string) string { return regexp.MustCompile(`&state=\w+`).ReplaceAllString(l, "") }, "its state differs"},
		"another's code": {func(l string) string { return regexp.MustCompile(`code=\w+`).ReplaceAllString(l, "code=x") }, "gives no token: 400 Bad Request unauthorized_client"},
		"user says no": {func(l string) string {
			return regexp.MustCompile(`code=\w+`).ReplaceAllString(l, "error=access_denied")
		}, "refuses the sign-in: access_denied"},
		"favicon at once": {func(l string) string { return l }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			front, oauth := openshift(t, &openshifttest.Server{})
			pages := make(chan string, 1)
			go func() {
				location := browse(t, front, <-pages)
				u, _ := url.Parse(location)
				if name == "favicon at once" {
					if r, err := http.Get("http://" + u.Host + "/favicon.ico"); err == nil {
						_ = r.Body.Close()
					}
				}
				r, err := http.Get(test.change(location))
				if err != nil {
					t.Error(err)
					return
				}
				page, _ := io.ReadAll(r.Body)
				_ = r.Body.Close()
				if r.Header.Get("Content-Security-Policy") != "default-src 'none'" || strings.Contains(string(page), u.Query().Get("code")) {
					t.Errorf("the page of psc: %v %s", r.Header, page)
				}
			}()
			token, err := oauth.Browser(t.Context(), func(address string) { pages <- address }, nil)
			if test.want == "" && (err != nil || token.How != "browser" || token.Secret == "") || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("%v, want %q", err, test.want)
			}
		})
	}
}

// The browser of another machine cannot open the last page: its address is enough.
func TestPasted(t *testing.T) {
	front, oauth := openshift(t, &openshifttest.Server{})
	pasted := make(chan string, 2)
	pasted <- "something else"
	token, err := oauth.Browser(t.Context(), func(address string) { pasted <- browse(t, front, address) + "\n" }, pasted)
	if err != nil || token.Secret == "" {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	if _, err := oauth.Browser(ctx, func(string) { cancel() }, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted: %v", err)
	}
}

func TestTrust(t *testing.T) {
	front, _ := openshift(t, &openshifttest.Server{})
	fingerprint := login.Fingerprint(front.Certificate())
	var asked []login.Authority
	refuse := errors.New("refused")
	trust := func(a login.Authority) error { asked = append(asked, a); return refuse }
	other := "sha256:" + strings.Repeat("0", 64)
	for name, test := range map[string]struct {
		search login.Search
		want   string
		asks   bool
	}{
		"unknown":           {login.Search{}, "refused", true},
		"pinned":            {login.Search{Pin: fingerprint}, "", false},
		"pinned in capital": {login.Search{Pin: "sha256:" + strings.ToUpper(fingerprint[7:])}, "", false},
		"another pin":       {login.Search{Pin: other}, "not by a CA with the fingerprint " + other, false},
		"file":              {login.Search{Authority: authority(t, front)}, "", false},
		"known": {login.Search{Known: func(string) []byte {
			return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: front.Certificate().Raw})
		}}, "", false},
		"insecure": {login.Search{Insecure: true}, "", false},
	} {
		t.Run(name, func(t *testing.T) {
			asked = nil
			test.search.Address, test.search.Trust = front.URL, trust
			_, err := test.search.Find(t.Context())
			if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("%v, want %q", err, test.want)
			}
			if test.asks != (len(asked) == 1) || test.asks && asked[0].Fingerprint != fingerprint {
				t.Errorf("asked %v", asked)
			}
		})
	}
	// A certificate for another host is no question of trust.
	host := login.Search{Address: strings.Replace(front.URL, "127.0.0.1", "localhost", 1), Authority: authority(t, front)}
	if _, err := host.Find(t.Context()); err == nil || !strings.Contains(err.Error(), "is not valid") || fault.Of(err).Hint == "" {
		t.Errorf("another host: %v", err)
	}
}

func TestPage(t *testing.T) {
	for name, handler := range map[string]http.HandlerFunc{
		"html": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "<!doctype html><title>Console</title>")
		},
		"redirect": func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/login", http.StatusFound) },
	} {
		front := httptest.NewTLSServer(handler)
		search := login.Search{Address: front.URL, Authority: authority(t, front)}
		if _, err := search.Find(t.Context()); err == nil || !strings.Contains(err.Error(), "that is a web page, not an API server") {
			t.Errorf("%s: %v", name, err)
		}
		front.Close()
	}
	// The page of a platform can name its API server and the CA.
	api, _ := openshift(t, &openshifttest.Server{})
	ca, err := os.ReadFile(authority(t, api))
	if err != nil {
		t.Fatal(err)
	}
	for document, want := range map[string]string{
		`{"server": "` + api.URL + `", "certificateAuthorityData": "` + base64.StdEncoding.EncodeToString(ca) + `"}`: "",
		`{"server": "` + api.URL + `"}`: "refused",
		`{"server": "` + api.URL + `", "login": {"issuer": "https://id", "clientID": ""}}`: "login.clientID is empty",
		`{"server": "http://127.0.0.1:1"}`:                                                 "not an https address",
		`{"server": "https://127.0.0.1:1"}`:                                                "https://127.0.0.1:1 does not answer",
		`{}`:                                                                               "that is a web page",
		`<!doctype html>`:                                                                  "that is a web page",
	} {
		page := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if w.Header().Set("Content-Type", "text/html"); r.URL.Path == "/.well-known/psc.json" {
				_, _ = io.WriteString(w, document)
			}
		}))
		page.StartTLS()
		search := login.Search{Address: page.URL, Authority: authority(t, page), Trust: func(login.Authority) error { return errors.New("refused") }}
		server, err := search.Find(t.Context())
		if want == "" && (err != nil || server.Address != api.URL || !bytes.Equal(server.Authority, ca)) || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v", document, err)
		}
		page.Close()
	}
	for address, want := range map[string]string{"": "is not the address", "ftp://x": "is not the address", "https://me:secret@x": "is not the address"} {
		search := login.Search{Address: address}
		if _, err := search.Find(t.Context()); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: %v", address, err)
		}
	}
}
