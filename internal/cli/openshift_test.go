package cli_test

import (
	"crypto/tls"
	"encoding/pem"
	"errors"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/url"
	"os"
	"regexp"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/pscdev/psc/internal/login"
	"github.com/pscdev/psc/internal/login/openshifttest"
)

// openshift [browser] makes the cluster an OpenShift with the users alice and bob, whose password is in $PASSWORD. $OPENSHIFT is its
// address, openshift.crt its CA and $FINGERPRINT that of the CA. With browser, programs cannot sign in with a password.
//
// openshift tokens N checks how many tokens are valid, and openshift expire makes all of them invalid.
func (c *cluster) openshift(ts *testscript.TestScript, neg bool, args []string) {
	s, started := ts.Value(openshiftKey{}).(*openshiftOf)
	switch {
	case neg || !started:
		ts.Fatalf("usage: openshift [browser], openshift tokens N, or openshift expire")
	case len(args) == 2 && args[0] == "tokens":
		if valid, issued := s.Tokens(); fmt.Sprint(valid) != args[1] {
			ts.Fatalf("%d tokens are valid of %d", valid, issued)
		}
		return
	case len(args) == 1 && args[0] == "expire":
		s.Expire()
		return
	}
	behind, err := c.proxy()
	ts.Check(err)
	password := "correct-horse-battery"
	s.Server = &openshifttest.Server{
		Users: map[string]string{"alice": password, "bob": password}, BrowserOnly: len(args) == 1, API: behind,
	}
	front := s.Start()
	ts.Defer(front.Close)
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: front.Certificate().Raw})
	ts.Check(os.WriteFile(ts.MkAbs("openshift.crt"), ca, 0o600))
	ts.Check(os.WriteFile(ts.MkAbs("password"), []byte(password+"\n"), 0o600))
	ts.Setenv("PASSWORD", password)
	ts.Setenv("OPENSHIFT", front.URL)
	ts.Setenv("FINGERPRINT", login.Fingerprint(front.Certificate()))
}

type openshiftKey struct{}

// openshiftOf is the OpenShift of a story.
type openshiftOf struct{ *openshifttest.Server }

// browse is a browser with a user in front of it: it opens a page, fills in the form as alice, and presses the button $BUTTON, if any.
func browse() {
	if err := fillIn(os.Args[1], os.Getenv("PASSWORD"), os.Getenv("BUTTON")); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func fillIn(address, password, button string) error {
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}} // as a user who clicks a warning away
	client := &http.Client{Transport: transport}
	page, err := client.Get(address)
	if err != nil {
		return err
	}
	defer page.Body.Close()
	text, err := io.ReadAll(page.Body)
	hidden := regexp.MustCompile(`name="(\w+)" type="hidden" value="([^"]*)"`).FindSubmatch(text)
	if err != nil || hidden == nil {
		return errors.Join(err, fmt.Errorf("no form: %s", text))
	}
	to := page.Request.URL
	if action := regexp.MustCompile(`<form action="([^"]*)"`).FindSubmatch(text); action != nil {
		to.Path, to.RawQuery = string(action[1]), ""
	}
	form := url.Values{string(hidden[1]): {html.UnescapeString(string(hidden[2]))}, "username": {"alice"}, "password": {password}, "do": {button}}
	last, err := client.PostForm(to.String(), form) // the redirect leads to psc
	if err != nil {
		return err
	}
	defer last.Body.Close()
	if last.StatusCode != http.StatusOK {
		return errors.New(last.Status)
	}
	return nil
}
