package cli_test

import (
	"bufio"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// idp [FLAG...] starts the issuer of testdata/issuer, whose users have the password $PASSWORD, and an API server in front of the
// cluster that accepts its tokens, with the claim email as the user, and groups with the prefix oidc:. $IDP and $API are their
// addresses, and idp.crt and api.crt their certificates.
//
// idp counts ISSUED REVOKED checks how many refresh tokens were issued for sign-ins, and how many were revoked.
func (c *cluster) idp(ts *testscript.TestScript, neg bool, args []string) {
	i, _ := ts.Value(idpKey{}).(*idpOf)
	if neg || i == nil {
		ts.Fatalf("usage: idp [FLAG...], or idp counts ISSUED REVOKED")
	}
	if len(args) == 3 && args[0] == "counts" {
		var n struct{ Issued, Revoked int }
		ts.Check(i.get("/counts", &n))
		if fmt.Sprint(n.Issued) != args[1] || fmt.Sprint(n.Revoked) != args[2] {
			ts.Fatalf("%+v", n)
		}
		return
	}
	program, password := filepath.Join(ts.MkAbs(".bin"), "issuer"), "correct-horse-battery"
	build := exec.Command("go", "build", "-C", "../../testdata/issuer", "-trimpath", "-o", ts.MkAbs(".bin")+"/", ".")
	if hasChromium() {
		build.Args = append(build.Args, "./user")
	}
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		ts.Fatalf("build the issuer: %v\n%s", err, out)
	}
	cmd := exec.Command(program, append([]string{"--ca", ts.MkAbs("idp.crt"), "--password", password}, args...)...)
	out, err := cmd.StdoutPipe()
	ts.Check(err)
	ts.Check(cmd.Start())
	ts.Defer(func() { _, _ = cmd.Process.Kill(), cmd.Wait() })
	i.url, err = bufio.NewReader(out).ReadString('\n')
	ts.Check(err)
	i.url = strings.TrimSpace(i.url)

	behind, err := c.proxy()
	ts.Check(err)
	front := httptest.NewUnstartedServer(i.api(behind))
	front.Config.ErrorLog = log.New(io.Discard, "", 0)
	front.StartTLS()
	ts.Defer(front.CloseClientConnections)
	ts.Check(os.WriteFile(ts.MkAbs("api.crt"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: front.Certificate().Raw}), 0o600))
	ts.Check(os.WriteFile(ts.MkAbs("password"), []byte(password+"\n"), 0o600))
	ts.Setenv("IDP", i.url)
	ts.Setenv("API", front.URL)
	ts.Setenv("PASSWORD", password)
}

// hasChromium reports whether the condition chromium holds: then the program user signs in with it.
func hasChromium() bool {
	_, err := exec.LookPath("chromium")
	return err == nil
}

type idpKey struct{}

// idpOf is the issuer of a story.
type idpOf struct{ url string }

func (i *idpOf) get(path string, into any) error {
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true}}
	answer, err := client.Get(i.url + path)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	return json.NewDecoder(answer.Body).Decode(into)
}

// api is an API server that trusts the issuer.
func (i *idpOf) api(behind http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, groups := "system:anonymous", []string{"system:unauthenticated"}
		if token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok {
			claims, err := i.verify(token)
			if err != nil {
				refuse(w, http.StatusUnauthorized)
				return
			}
			user, groups = claims.Email, []string{"system:authenticated"}
			for _, group := range claims.Groups {
				groups = append(groups, "oidc:"+group)
			}
		}
		r.Header.Set("Impersonate-User", user)
		r.Header["Impersonate-Group"] = groups
		behind.ServeHTTP(w, r)
	})
}

type claims struct {
	Issuer   string   `json:"iss"`
	Audience []string `json:"aud"`
	Expires  int64    `json:"exp"`
	Email    string   `json:"email"`
	Groups   []string `json:"groups"`
}

// verify checks an ID token as an API server does.
func (i *idpOf) verify(token string) (claims, error) {
	var keys struct {
		Keys []struct{ N string }
	}
	if err := i.get("/keys", &keys); err != nil {
		return claims{}, err
	}
	parts := strings.Split(token, ".")
	if len(parts) != 3 || len(keys.Keys) != 1 {
		return claims{}, errors.New("no ID token")
	}
	n, err := base64.RawURLEncoding.DecodeString(keys.Keys[0].N)
	signature, err2 := base64.RawURLEncoding.DecodeString(parts[2])
	payload, err3 := base64.RawURLEncoding.DecodeString(parts[1])
	hash := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	err4 := rsa.VerifyPKCS1v15(&rsa.PublicKey{N: new(big.Int).SetBytes(n), E: 65537}, crypto.SHA256, hash[:], signature)
	var c claims
	if err := errors.Join(err, err2, err3, err4, json.Unmarshal(payload, &c)); err != nil {
		return c, err
	}
	if c.Issuer != i.url || len(c.Audience) != 1 || c.Audience[0] != "psc" || time.Now().Unix() >= c.Expires {
		return c, fmt.Errorf("not valid: %+v", c)
	}
	return c, nil
}
