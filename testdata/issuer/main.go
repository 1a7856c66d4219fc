// Issuer is an OpenID Connect issuer for tests: a real one, with a page for user names and passwords, PKCE, device codes, refresh tokens
// that can be used once, and revocation. It prints its address, and runs until it is killed.
//
// The users are alice and bob, and psc is the client "psc". GET /counts tells how often it was asked for new tokens, how many refresh
// tokens it issued, and how many were revoked.
package main

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"slices"
	"sync/atomic"
	"time"

	"github.com/zitadel/oidc/v3/example/server/storage"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

const client = "psc"

// groups are the groups of the users.
var groups = map[string][]string{"alice": {"dev", "team-a"}, "bob": {"dev"}}

func main() {
	listen := flag.String("listen", "127.0.0.1:0", "address to listen on")
	ca := flag.String("ca", "", "file to write the certificate to, in PEM")
	password := flag.String("password", "", "the password of the users")
	life := flag.Duration("life", time.Hour, "how long an ID token is valid")
	programs := flag.Bool("password-grant", false, "let programs sign in with a password")
	flag.Parse()
	log.SetFlags(0)
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", *listen)
	if err != nil {
		log.Fatal(err)
	}
	certificate, data, err := selfSigned()
	if err == nil {
		err = os.WriteFile(*ca, data, 0o600)
	}
	if err != nil {
		log.Fatal(err)
	}
	url := "https://" + listener.Addr().String()
	s := newStore(*password, *life)
	p, err := newProvider(url, s)
	if err != nil {
		log.Fatal(err)
	}
	i := &issuer{store: s, provider: p, programs: *programs}
	_, _ = fmt.Fprintln(os.Stdout, url)
	server := &http.Server{
		Handler: i.handler(), ReadHeaderTimeout: 10 * time.Second, TLSConfig: &tls.Config{Certificates: []tls.Certificate{certificate}},
		ErrorLog: log.New(io.Discard, "", 0), // clients that do not trust it
	}
	log.Fatal(server.ServeTLS(listener, "", ""))
}

func newProvider(url string, s *store) (*op.Provider, error) {
	config := &op.Config{
		CryptoKeyId: "key", CodeMethodS256: true, GrantTypeRefreshToken: true,
		SupportedScopes: []string{oidc.ScopeOpenID, oidc.ScopeProfile, oidc.ScopeEmail, "groups", oidc.ScopeOfflineAccess},
		DeviceAuthorization: op.DeviceAuthorizationConfig{
			Lifetime: time.Minute, PollInterval: time.Second, UserFormPath: "/device", UserCode: op.UserCodeBase20,
		},
	}
	_, _ = rand.Read(config.CryptoKey[:])
	return op.NewProvider(config, s, op.StaticIssuer(url))
}

// store keeps the state of the issuer in memory.
type store struct {
	*storage.Storage

	life                       time.Duration
	refreshes, issued, revoked atomic.Int64
}

func newStore(password string, life time.Duration) *store {
	users := users{}
	for name := range groups {
		// After a device code the subject is the name that was entered: it is the ID too.
		users[name] = &storage.User{ID: name, Username: name, Password: password, Email: name + "@acme.eu", EmailVerified: true}
	}
	native := storage.NativeClient(client, "http://127.0.0.1/callback") // with any port
	return &store{Storage: storage.NewStorageWithClients(users, map[string]*storage.Client{client: native}), life: life}
}

type users map[string]*storage.User

func (u users) GetUserByID(id string) *storage.User         { return u[id] }
func (u users) GetUserByUsername(name string) *storage.User { return u[name] }
func (u users) ExampleClientID() string                     { return "service" }

// native is psc as the issuer knows it.
type native struct {
	op.Client

	life time.Duration
}

func (n native) GrantTypes() []oidc.GrantType {
	return append(slices.Clone(n.Client.GrantTypes()), oidc.GrantTypeDeviceCode)
}
func (n native) IDTokenLifetime() time.Duration       { return n.life }
func (n native) IDTokenUserinfoClaimsAssertion() bool { return true } // the API server reads nothing but the ID token
func (n native) IsScopeAllowed(scope string) bool     { return scope == "groups" }

func (s *store) GetClientByClientID(ctx context.Context, id string) (op.Client, error) {
	c, err := s.Storage.GetClientByClientID(ctx, id)
	return native{c, s.life}, err
}

func (s *store) SetUserinfoFromRequest(ctx context.Context, info *oidc.UserInfo, token op.IDTokenRequest, scopes []string) error {
	if slices.Contains(scopes, "groups") {
		info.AppendClaims("groups", groups[token.GetSubject()])
	}
	return s.Storage.SetUserinfoFromRequest(ctx, info, token, scopes)
}

func (s *store) CreateAccessAndRefreshTokens(ctx context.Context, r op.TokenRequest, current string) (string, string, time.Time, error) {
	if device, ok := r.(*op.DeviceAuthorizationState); ok { // the storage would forget whose refresh token it is
		r = &storage.AuthRequest{ApplicationID: device.ClientID, UserID: device.Subject, Scopes: device.Scopes}
	}
	if current == "" {
		s.issued.Add(1)
	} else {
		s.refreshes.Add(1)
	}
	return s.Storage.CreateAccessAndRefreshTokens(ctx, r, current)
}

func (s *store) RevokeToken(ctx context.Context, token, user, client string) *oidc.Error {
	err := s.Storage.RevokeToken(ctx, token, user, client)
	if err == nil {
		s.revoked.Add(1)
	}
	return err
}

func (s *store) counts(w http.ResponseWriter, _ *http.Request) {
	_ = json.NewEncoder(w).Encode(map[string]int64{"refreshes": s.refreshes.Load(), "issued": s.issued.Load(), "revoked": s.revoked.Load()})
}
