package login

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/pscdev/psc/internal/fault"
)

// flow is one sign-in. State, verifier and nonce are random, so that nobody else can end it.
type flow struct {
	client, redirect, state, verifier, nonce string
}

func newFlow(client, redirect string) flow {
	return flow{client, redirect, rand.Text(), rand.Text() + rand.Text(), rand.Text()}
}

// page returns the address of the page on which a user signs in, with PKCE if the server knows it:
// https://datatracker.ietf.org/doc/html/rfc7636
func (f flow) page(endpoint string, s256 bool, more url.Values) string {
	u, err := url.Parse(endpoint)
	if err != nil {
		return endpoint // the caller has checked it
	}
	q := u.Query() // an endpoint may have a query of its own
	maps.Copy(q, url.Values{"client_id": {f.client}, "response_type": {"code"}, "redirect_uri": {f.redirect}, "state": {f.state}})
	maps.Copy(q, more)
	if s256 {
		hash := sha256.Sum256([]byte(f.verifier))
		q.Set("code_challenge", base64.RawURLEncoding.EncodeToString(hash[:]))
		q.Set("code_challenge_method", "S256")
	}
	u.RawQuery = q.Encode()
	return u.String()
}

// code returns the code in the answer to a flow.
func (f flow) code(issuer string, answer url.Values) (string, error) {
	if subtle.ConstantTimeCompare([]byte(answer.Get("state")), []byte(f.state)) != 1 {
		return "", fault.New(fault.Failed, "the answer of %s is not for this sign-in: its state differs", issuer).WithHint("try again")
	}
	if why := answer.Get("error"); why != "" {
		return "", fault.New(fault.Denied, "%s refuses the sign-in: %s", issuer, strings.TrimSpace(why+" "+answer.Get("error_description")))
	}
	return answer.Get("code"), nil
}

// browse shows a page in a browser on this machine, and returns its answer. pasted may provide the address to which a browser on
// another machine was sent.
func browse(ctx context.Context, client string, page func(flow) string, open func(address string), pasted <-chan string) (flow, url.Values, error) {
	var network net.ListenConfig
	listener, err := network.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return flow{}, nil, fmt.Errorf("wait for the browser: %w", err)
	}
	f := newFlow(client, "http://"+listener.Addr().String()+"/callback") // exactly this host and path, with any port
	answers := make(chan url.Values, 1)
	server := &http.Server{ReadHeaderTimeout: patience, Handler: callback(answers)}
	go func() { _ = server.Serve(listener) }()
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = server.Shutdown(ctx) // after the page was sent
	}()
	open(page(f))
	for {
		select {
		case <-ctx.Done():
			return f, nil, ctx.Err()
		case answer := <-answers:
			return f, answer, nil
		case text := <-pasted:
			if u, err := url.Parse(strings.TrimSpace(text)); err == nil && u.Query().Has("state") {
				return f, u.Query(), nil
			}
		}
	}
}

// callback takes one answer from a browser.
func callback(answers chan<- url.Values) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /callback", func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header.Set("Content-Security-Policy", "default-src 'none'")
		header.Set("Cache-Control", "no-store")
		header.Set("Referrer-Policy", "no-referrer")
		header.Set("Content-Type", "text/html; charset=utf-8")
		_, _ = io.WriteString(w, "<!doctype html><title>psc</title><p>You can close this page. The sign-in continues in the terminal.")
		select {
		case answers <- r.URL.Query():
		default: // one answer is enough
		}
	})
	return mux
}
