// Package openshifttest is an OpenShift cluster for tests: the OAuth server, its tokens, and an API server behind it.
//
// It answers as the real oauth-server does, with what its documentation does not say: a public client authenticates with HTTP Basic
// and an empty password, the browser's redirect has exactly the host 127.0.0.1 and the path /callback, and without X-CSRF-Token no
// password is asked for.
package openshifttest

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"html/template"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
)

// Server is the cluster. The zero value has no users.
type Server struct {
	// Users are the passwords of the users, by name.
	Users map[string]string
	// BrowserOnly turns off the sign-in with passwords for programs.
	BrowserOnly bool
	// API is the API server. It gets requests as a proxy with the right to impersonate makes them.
	API http.Handler

	issuer string
	mu     sync.Mutex
	codes  map[string]code   // that were not used yet
	tokens map[string]string // users by token
	issued int
}

type code struct{ user, client, redirect, challenge string }

// The clients that every OpenShift has.
const (
	challenging = "openshift-challenging-client"
	cli         = "openshift-cli-client"
)

// Start starts the OAuth server and the API server at one address.
func (s *Server) Start() *httptest.Server {
	s.codes, s.tokens = map[string]code{}, map[string]string{}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/oauth-authorization-server", s.wellKnown)
	mux.HandleFunc("GET /oauth/authorize", s.authorize)
	mux.HandleFunc("POST /login", s.login)
	mux.HandleFunc("POST /oauth/token", s.token)
	mux.HandleFunc("DELETE /apis/oauth.openshift.io/v1/useroauthaccesstokens/{name}", s.revoke)
	mux.HandleFunc("/", s.api)
	front := httptest.NewUnstartedServer(mux)
	front.Config.ErrorLog = log.New(io.Discard, "", 0) // clients that do not trust it
	front.StartTLS()
	s.issuer = front.URL
	return front
}

// Tokens returns how many tokens are valid, and how many were issued in all.
func (s *Server) Tokens() (valid, issued int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.tokens), s.issued
}

// Expire makes all tokens invalid.
func (s *Server) Expire() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.tokens)
}

func (s *Server) wellKnown(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, map[string]any{
		"issuer": s.issuer, "authorization_endpoint": s.issuer + "/oauth/authorize", "token_endpoint": s.issuer + "/oauth/token",
		"scopes_supported": []string{"user:check-access", "user:full", "user:info"}, "response_types_supported": []string{"code", "token"},
		"grant_types_supported": []string{"authorization_code", "implicit"}, "code_challenge_methods_supported": []string{"plain", "S256"},
	})
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

func refuse(w http.ResponseWriter, why, text string) {
	answer(w, http.StatusBadRequest, map[string]string{"error": why, "error_description": text})
}

// registered reports whether a client may send its users to an address.
func (s *Server) registered(client, redirect string) bool {
	switch client {
	case challenging:
		return redirect == s.issuer+"/oauth/token/implicit"
	case cli:
		u, err := url.Parse(redirect)
		return err == nil && u.Scheme == "http" && (u.Hostname() == "127.0.0.1" || u.Hostname() == "::1") && u.Path == "/callback"
	}
	return false
}

func (s *Server) authorize(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	client, redirect := q.Get("client_id"), q.Get("redirect_uri")
	switch {
	case client != challenging && client != cli:
		refuse(w, "unauthorized_client", "The client is not authorized to request a token using this method.")
	case !s.registered(client, redirect) || q.Get("response_type") != "code":
		refuse(w, "invalid_request", "The request is missing a required parameter, includes an invalid parameter value, includes a parameter more than once, or is otherwise malformed.")
	case client == cli:
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_ = page().Execute(w, r.URL.RawQuery)
	case r.Header.Get("X-CSRF-Token") == "":
		w.Header().Set("Warning", `199 Origin "A non-empty X-CSRF-Token header is required to receive basic-auth challenges"`)
		w.WriteHeader(http.StatusUnauthorized)
	case s.BrowserOnly:
		w.Header().Set("Link", "<"+s.issuer+`/oauth/token/request>; rel="related"`)
		w.Header().Set("Warning", `199 Origin "You must obtain an API token by visiting `+s.issuer+`/oauth/token/request"`)
		w.WriteHeader(http.StatusUnauthorized)
	default:
		user, password, _ := r.BasicAuth()
		if !s.knows(user, password) {
			w.Header().Set("WWW-Authenticate", `Basic realm="openshift"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		s.grant(w, r, q, user)
	}
}

// page returns the form for a user name and a password.
func page() *template.Template {
	return template.Must(template.New("").Parse(`<!doctype html><title>Log in</title>
<form action="/login" method="post"><input name="then" type="hidden" value="{{.}}">
<input name="username"><input name="password" type="password"><button>Log in</button></form>`))
}

func (s *Server) login(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 1<<16)
	q, err := url.ParseQuery(r.PostFormValue("then"))
	if err != nil || !s.registered(q.Get("client_id"), q.Get("redirect_uri")) {
		refuse(w, "invalid_request", "")
		return
	}
	if !s.knows(r.PostFormValue("username"), r.PostFormValue("password")) {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	s.grant(w, r, q, r.PostFormValue("username"))
}

func (s *Server) knows(user, password string) bool {
	want, ok := s.Users[user]
	return ok && want == password
}

// grant sends a client back with a code.
func (s *Server) grant(w http.ResponseWriter, r *http.Request, q url.Values, user string) {
	secret := rand.Text()
	s.mu.Lock()
	s.codes[secret] = code{user, q.Get("client_id"), q.Get("redirect_uri"), q.Get("code_challenge")}
	s.mu.Unlock()
	http.Redirect(w, r, q.Get("redirect_uri")+"?"+url.Values{"code": {secret}, "state": {q.Get("state")}}.Encode(), http.StatusFound) //nolint:gosec // the address is registered
}

func (s *Server) token(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 1<<16)
	client, password, basic := r.BasicAuth()
	if _, form := r.PostForm["client_secret"]; !basic && !form { // client_id alone says nothing
		refuse(w, "invalid_request", "")
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	secret := r.PostFormValue("code")
	c, ok := s.codes[secret]
	delete(s.codes, secret) // also a failed attempt uses it up
	hash := sha256.Sum256([]byte(r.PostFormValue("code_verifier")))
	switch {
	case client != c.client || password != "":
		refuse(w, "unauthorized_client", "The client is not authorized to request a token using this method.")
	case !ok, r.PostFormValue("grant_type") != "authorization_code", r.PostFormValue("redirect_uri") != c.redirect,
		c.challenge != "" && base64.RawURLEncoding.EncodeToString(hash[:]) != c.challenge:
		refuse(w, "invalid_grant", "The provided authorization grant is invalid, expired, revoked, does not match the redirection URI used in the authorization request, or was issued to another client.")
	default:
		random := make([]byte, 32)
		_, _ = rand.Read(random)
		token := "sha256~" + base64.RawURLEncoding.EncodeToString(random)
		s.tokens[token] = c.user
		s.issued++
		answer(w, http.StatusOK, map[string]any{"access_token": token, "expires_in": 86400, "scope": "user:full", "token_type": "Bearer"})
	}
}

// user returns the user of a request; empty for an anonymous one.
func (s *Server) user(r *http.Request) (user string, ok bool) {
	token, has := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	s.mu.Lock()
	defer s.mu.Unlock()
	user = s.tokens[token]
	return user, !has || user != ""
}

func status(w http.ResponseWriter, code int, reason string) {
	answer(w, code, map[string]any{"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": reason, "reason": reason, "code": code})
}

func (s *Server) revoke(w http.ResponseWriter, r *http.Request) {
	user, ok := s.user(r)
	if !ok || user == "" {
		status(w, http.StatusUnauthorized, "Unauthorized")
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for token, owner := range s.tokens {
		hash := sha256.Sum256([]byte(strings.TrimPrefix(token, "sha256~")))
		if owner == user && r.PathValue("name") == "sha256~"+base64.RawURLEncoding.EncodeToString(hash[:]) {
			delete(s.tokens, token)
			answer(w, http.StatusOK, map[string]any{"kind": "Status", "apiVersion": "v1", "status": "Success"})
			return
		}
	}
	status(w, http.StatusNotFound, "NotFound")
}

func (s *Server) api(w http.ResponseWriter, r *http.Request) {
	user, ok := s.user(r)
	if !ok {
		status(w, http.StatusUnauthorized, "Unauthorized")
		return
	}
	for name := range r.Header {
		if strings.HasPrefix(name, "Impersonate-") {
			r.Header.Del(name)
		}
	}
	if user == "" {
		r.Header.Set("Impersonate-User", "system:anonymous")
		r.Header.Set("Impersonate-Group", "system:unauthenticated")
	} else {
		r.Header.Set("Impersonate-User", user)
		r.Header["Impersonate-Group"] = []string{"system:authenticated", "system:authenticated:oauth"}
	}
	s.API.ServeHTTP(w, r)
}
