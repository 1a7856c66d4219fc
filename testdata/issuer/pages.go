package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"html/template"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/zitadel/oidc/v3/example/server/storage"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// issuer adds to the protocol what the library leaves to its users: the pages, and the grant for passwords.
type issuer struct {
	*store

	provider *op.Provider
	programs bool
}

func (i *issuer) handler() http.Handler {
	intercept := op.NewIssuerInterceptor(i.provider.IssuerFromRequest)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /counts", i.counts)
	mux.HandleFunc("GET /login/username", func(w http.ResponseWriter, r *http.Request) { show(w, "authRequestID", r.FormValue("authRequestID")) })
	mux.HandleFunc("POST /login/username", intercept.HandlerFunc(i.login))
	mux.HandleFunc("GET /device", func(w http.ResponseWriter, r *http.Request) { show(w, "user_code", r.FormValue("user_code")) })
	mux.HandleFunc("POST /device", i.device)
	mux.HandleFunc("GET "+oidc.DiscoveryEndpoint, i.discovery)
	mux.HandleFunc("POST /oauth/token", intercept.HandlerFunc(i.token))
	mux.Handle("/", i.provider)
	return mux
}

// show shows the form for a user name and a password.
func show(w http.ResponseWriter, name, value string) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	page := template.Must(template.New("").Parse(`<!doctype html><title>Sign in</title>
<form method="post"><input name="{{.Name}}" type="hidden" value="{{.Value}}">
<input name="username" id="username"><input name="password" id="password" type="password">
<button id="allow" name="do" value="allow">Sign in</button> <button name="do" value="deny">Deny</button></form>`))
	_ = page.Execute(w, struct{ Name, Value string }{name, value})
}

func (i *issuer) login(w http.ResponseWriter, r *http.Request) {
	id := r.FormValue("authRequestID")
	if err := i.CheckUsernamePassword(r.FormValue("username"), r.FormValue("password"), id); err != nil {
		http.Error(w, err.Error(), http.StatusUnauthorized)
		return
	}
	http.Redirect(w, r, op.AuthCallbackURL(i.provider)(r.Context(), id), http.StatusFound)
}

func (i *issuer) device(w http.ResponseWriter, r *http.Request) {
	err := i.CheckUsernamePasswordSimple(r.FormValue("username"), r.FormValue("password"))
	switch {
	case err != nil:
	case r.FormValue("do") == "deny":
		err = i.DenyDeviceAuthorization(r.Context(), r.FormValue("user_code"))
	default:
		err = i.CompleteDeviceAuthorization(r.Context(), r.FormValue("user_code"), r.FormValue("username"))
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusUnauthorized)
	}
}

// discovery says what the issuer offers, which is more than the library knows.
func (i *issuer) discovery(w http.ResponseWriter, r *http.Request) {
	all := httptest.NewRecorder()
	i.provider.ServeHTTP(all, r)
	var doc map[string]any
	if err := json.Unmarshal(all.Body.Bytes(), &doc); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	if grants, ok := doc["grant_types_supported"].([]any); ok && i.programs {
		doc["grant_types_supported"] = append(grants, "password")
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(doc)
}

// token answers a password itself, and leaves all else to the library, which does not know this grant.
func (i *issuer) token(w http.ResponseWriter, r *http.Request) {
	if !i.programs || r.FormValue("grant_type") != "password" {
		i.provider.ServeHTTP(w, r)
		return
	}
	name := r.FormValue("username")
	if i.CheckUsernamePasswordSimple(name, r.FormValue("password")) != nil {
		op.RequestError(w, r, oidc.ErrInvalidGrant(), nil)
		return
	}
	known, err := i.GetClientByClientID(r.Context(), r.FormValue("client_id"))
	if err != nil {
		op.RequestError(w, r, oidc.ErrInvalidClient(), nil)
		return
	}
	request := &storage.AuthRequest{
		ApplicationID: client, UserID: name, Scopes: strings.Fields(r.FormValue("scope")), ResponseType: oidc.ResponseTypeCode,
	}
	answer, err := op.CreateTokenResponse(r.Context(), request, known, i.provider, true, "", "")
	if err != nil {
		op.RequestError(w, r, err, nil)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(answer) //nolint:gosec // the client gets its tokens
}

// selfSigned returns a certificate for this machine, which is its own authority.
func selfSigned() (tls.Certificate, []byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, nil, err
	}
	template := &x509.Certificate{
		Subject: pkix.Name{CommonName: "issuer"}, SerialNumber: big.NewInt(time.Now().UnixNano()), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, DNSNames: []string{"localhost"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), err
}
