package cli_test

import (
	"bufio"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// idp is a running issuer of testdata/issuer. Its certificate is idp.crt in its folder, beside the program user.
type idp struct{ url, dir string }

const idpPassword = "correct-horse-battery"

// startIDP starts an issuer whose users have the password idpPassword, and lets programs sign in with it.
func startIDP(t testing.TB) *idp {
	t.Helper()
	i := &idp{dir: t.TempDir()}
	build := exec.Command("go", "build", "-C", "../../testdata/issuer", "-trimpath", "-o", i.dir+"/", ".")
	if hasChromium() {
		build.Args = append(build.Args, "./user")
	}
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the issuer: %v\n%s", err, out)
	}
	stop, err := i.run()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	return i
}

func (i *idp) run() (stop func(), err error) {
	cmd := exec.Command(filepath.Join(i.dir, "issuer"), "--ca", i.certificate(), "--password", idpPassword, "--password-grant")
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return nil, err
	}
	i.url, err = bufio.NewReader(out).ReadString('\n')
	i.url = strings.TrimSpace(i.url)
	return func() { _, _ = cmd.Process.Kill(), cmd.Wait() }, err
}

func (i *idp) certificate() string { return filepath.Join(i.dir, "idp.crt") }

// flags make an API server accept the tokens of the issuer, with the claim email as the user, and groups with the prefix oidc:.
func (i *idp) flags() []string {
	return []string{"--issuer", i.url, "--issuer-ca", i.certificate(), "--client-id", "psc"}
}

// counts returns how many refresh tokens were issued for sign-ins, and how many were revoked.
func (i *idp) counts() (string, error) {
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true}}
	answer, err := client.Get(i.url + "/counts")
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	var n struct{ Issued, Revoked int }
	err = json.NewDecoder(answer.Body).Decode(&n)
	return fmt.Sprint(n.Issued, " ", n.Revoked), err
}

// idpCommand is idp ISSUED REVOKED: it checks how many refresh tokens the issuer of the cluster, $IDP, issued, and how many were
// revoked. idp unknown starts another one, $UNKNOWN, whose tokens the cluster does not accept; idp unknown ISSUED REVOKED checks it.
func (c *cluster) idpCommand(ts *testscript.TestScript, neg bool, args []string) {
	of := c.idp
	if len(args) > 0 && args[0] == "unknown" {
		of, args = ts.Value(unknownKey{}).(*idp), args[1:]
	}
	switch {
	case !neg && c.idp != nil && len(args) == 0:
		of.dir = ts.MkAbs(".bin")
		ts.Check(os.Symlink(filepath.Join(c.idp.dir, "issuer"), filepath.Join(of.dir, "issuer")))
		stop, err := of.run()
		ts.Check(err)
		ts.Defer(stop)
		ts.Setenv("UNKNOWN", of.url)
		ts.Check(os.Rename(of.certificate(), ts.MkAbs("unknown.crt")))
	case !neg && c.idp != nil && len(args) == 2:
		got, err := of.counts()
		ts.Check(err)
		if want := strings.Join(args, " "); got != want {
			ts.Fatalf("%s refresh tokens were issued and revoked, want %s", got, want)
		}
	default:
		ts.Fatalf("usage: idp [unknown] ISSUED REVOKED, or idp unknown")
	}
}

type unknownKey struct{}

// setup lets a story use the issuer.
func (i *idp) setup(env *testscript.Env, bin string) error {
	ca, err := os.ReadFile(i.certificate())
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(env.WorkDir, "idp.crt"), ca, 0o600); err != nil {
		return err
	}
	env.Vars = append(env.Vars, "IDP="+i.url, "PASSWORD="+idpPassword)
	env.Values[unknownKey{}] = &idp{}
	return os.Symlink(filepath.Join(i.dir, "user"), filepath.Join(bin, "user"))
}

// hasChromium reports whether the condition chromium holds: then the program user signs in with it.
func hasChromium() bool {
	_, err := exec.LookPath("chromium")
	return err == nil
}
