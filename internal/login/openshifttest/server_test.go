package openshifttest

import (
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// TestServer holds the server to what the real oauth-server answers.
func TestServer(t *testing.T) {
	s := &Server{Users: map[string]string{"alice": "secret"}, API: http.NotFoundHandler()}
	front := s.Start()
	defer front.Close()
	client := front.Client()
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	do := func(method, path, body string, change func(*http.Request)) (int, http.Header, string) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), method, front.URL+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		if body != "" {
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
		change(r)
		answer, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		text, _ := io.ReadAll(answer.Body)
		return answer.StatusCode, answer.Header, string(text)
	}
	implicit := front.URL + "/oauth/token/implicit"
	authorize := func(client, redirect string) string {
		return "/oauth/authorize?" + url.Values{
			"client_id": {client}, "redirect_uri": {redirect}, "response_type": {"code"}, "state": {"s"},
			"code_challenge": {"ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0"}, "code_challenge_method": {"S256"}, // of "abc"
		}.Encode()
	}
	plain := func(*http.Request) {}
	csrf := func(r *http.Request) { r.Header.Set("X-CSRF-Token", "1") }
	alice := func(r *http.Request) { csrf(r); r.SetBasicAuth("alice", "secret") }
	for path, want := range map[string]int{
		authorize("nobody", implicit):                             http.StatusBadRequest,
		authorize(challenging, implicit+"x"):                      http.StatusBadRequest,
		authorize(cli, "http://localhost:1/callback"):             http.StatusBadRequest,
		authorize(cli, "http://127.0.0.1:1/"):                     http.StatusBadRequest,
		authorize(cli, "http://127.0.0.1:1/callback"):             http.StatusOK,
		"/oauth/authorize?client_id=openshift-challenging-client": http.StatusBadRequest,
	} {
		if code, _, text := do("GET", path, "", csrf); code != want {
			t.Errorf("%s: %d %s", path, code, text)
		}
	}
	path := authorize(challenging, implicit)
	if code, header, _ := do("GET", path, "", plain); code != 401 || header.Get("WWW-Authenticate") != "" || header.Get("Warning") == "" {
		t.Errorf("without X-CSRF-Token: %d %v", code, header)
	}
	if code, header, _ := do("GET", path, "", csrf); code != 401 || header.Get("WWW-Authenticate") != `Basic realm="openshift"` {
		t.Errorf("without credentials: %d %v", code, header)
	}
	redeem := func(verifier string, change func(*http.Request)) (int, string) {
		t.Helper()
		_, header, _ := do("GET", path, "", alice)
		to, err := url.Parse(header.Get("Location"))
		if err != nil || to.Query().Get("state") != "s" {
			t.Fatalf("%v %v", to, err)
		}
		form := url.Values{
			"grant_type": {"authorization_code"}, "code": {to.Query().Get("code")}, "redirect_uri": {implicit},
			"code_verifier": {verifier}, "client_id": {challenging},
		}.Encode()
		code, _, text := do("POST", "/oauth/token", form, change)
		if again, _, _ := do("POST", "/oauth/token", form, func(r *http.Request) { r.SetBasicAuth(challenging, "") }); code == 200 && again == 200 {
			t.Error("a code was used twice")
		}
		return code, text
	}
	public := func(r *http.Request) { r.SetBasicAuth(challenging, "") }
	if code, text := redeem("abc", plain); code != 400 || !strings.Contains(text, "invalid_request") {
		t.Errorf("client_id in the form alone: %d %s", code, text)
	}
	if code, text := redeem("abcd", public); code != 400 || !strings.Contains(text, "invalid_grant") {
		t.Errorf("wrong verifier: %d %s", code, text)
	}
	if code, text := redeem("abc", public); code != 200 || !strings.Contains(text, `"expires_in":86400`) || !strings.Contains(text, `"access_token":"sha256~`) {
		t.Errorf("right verifier: %d %s", code, text)
	}
}
