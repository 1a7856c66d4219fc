// Package issuertest is an OpenID Connect issuer for tests of what happens after a sign-in: it renews and revokes. As most issuers do,
// it accepts each refresh token once.
package issuertest

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"time"

	"github.com/pscdev/psc/internal/login"
)

// State is what an issuer knows, and how it behaves.
type State struct {
	// Last is the refresh token that it accepts, and Before the one that it accepted before.
	Last, Before string
	// Refreshes counts the requests for new tokens.
	Refreshes int
	// Revoked are the refresh tokens that clients have revoked.
	Revoked []string
	// Life is the time for which a token is valid: an hour by default.
	Life time.Duration
	// Fails is how many requests for new tokens it answers with an error of the server.
	Fails int
	// Asked is called when it is asked for new tokens. It may be nil.
	Asked func()
	// Opaque issuers issue no ID token for a refresh token.
	Opaque bool

	accepted map[string]time.Time // the ends of the ID tokens
}

// Server is an issuer. It is safe for concurrent use.
type Server struct {
	*httptest.Server

	mu    sync.Mutex
	state State
}

// Start starts an issuer that accepts the refresh token "refresh-first".
func Start() *Server {
	s := &Server{state: State{Last: "refresh-first", Life: time.Hour, accepted: map[string]time.Time{}}}
	s.Server = httptest.NewUnstartedServer(s)
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // clients that are killed
	s.StartTLS()
	return s
}

// State returns a copy of the state.
func (s *Server) State() State {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state
}

// Change changes the state.
func (s *Server) Change(change func(*State)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.state)
}

// Issuer returns what a client knows of the issuer.
func (s *Server) Issuer() login.Issuer {
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	return login.Issuer{URL: s.URL, ClientID: "psc", Scopes: []string{"openid", "offline_access"}, Authority: ca}
}

// Accepts reports whether an API server that trusts the issuer accepts a token.
func (s *Server) Accepts(token string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return time.Now().Before(s.state.accepted[token])
}

// Reject makes an API server accept a token no longer, before its end.
func (s *Server) Reject(token string) {
	s.Change(func(state *State) { delete(state.accepted, token) })
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	answer := map[string]any{}
	switch r.URL.Path {
	case "/.well-known/openid-configuration":
		answer = map[string]any{"issuer": s.URL, "token_endpoint": s.URL + "/token", "revocation_endpoint": s.URL + "/revoke"}
	case "/token":
		answer = s.refresh(w, r.FormValue("refresh_token"))
	case "/revoke":
		token := r.FormValue("token")
		s.state.Revoked = append(s.state.Revoked, token)
		if token == s.state.Last {
			s.state.Last = ""
		}
	default:
		w.WriteHeader(http.StatusNotFound)
	}
	_ = json.NewEncoder(w).Encode(answer)
}

// refresh returns the answer to a refresh token.
func (s *Server) refresh(w http.ResponseWriter, token string) map[string]any {
	s.state.Refreshes++
	if s.state.Asked != nil {
		s.state.Asked()
	}
	switch {
	case s.state.Fails > 0:
		s.state.Fails--
		w.WriteHeader(http.StatusServiceUnavailable)
		return nil
	case token != s.state.Last:
		w.WriteHeader(http.StatusBadRequest)
		return map[string]any{"error": "invalid_grant"}
	}
	s.state.Before, s.state.Last = s.state.Last, "refresh-"+rand.Text()
	answer := map[string]any{"refresh_token": s.state.Last, "access_token": rand.Text(), "token_type": "Bearer"}
	if !s.state.Opaque {
		now := time.Now()
		claims, _ := json.Marshal(map[string]any{
			"iss": s.URL, "aud": "psc", "sub": "alice", "iat": now.Unix(), "exp": now.Add(s.state.Life).Unix(), "jti": rand.Text(),
		})
		id := strings.Join([]string{"e30", base64.RawURLEncoding.EncodeToString(claims), "c2ln"}, ".")
		s.state.accepted[id] = now.Add(s.state.Life)
		answer["id_token"] = id
	}
	return answer
}
