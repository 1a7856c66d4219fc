package image_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pscdev/psc/internal/image"
)

// All spellings of a registry have one name. The name of Docker Hub is an address.
func TestServer(t *testing.T) {
	for text, want := range map[string]string{
		"ghcr.io":                     "ghcr.io",
		"https://ghcr.io/":            "ghcr.io",
		"localhost:5000":              "localhost:5000",
		"docker.io":                   "https://index.docker.io/v1/",
		"https://index.docker.io/v1/": "https://index.docker.io/v1/",
		"ghcr.io/acme":                "",
		"not a name":                  "",
		"":                            "",
	} {
		got, err := image.Server(text)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("Server(%q) is %q, %v, want %q", text, got, err, want)
		}
	}
}

// Logins are stored in the format that nodes read, and those that other tools have stored can be read.
func TestLogins(t *testing.T) {
	logins := image.Logins{"ghcr.io": {Username: "robot", Password: "a:b"}}
	data, err := logins.Encode()
	if err != nil {
		t.Fatal(err)
	}
	want := `{"auths":{"ghcr.io":{"username":"robot","password":"a:b","auth":"cm9ib3Q6YTpi"}}}`
	if diff := cmp.Diff(want, string(data)); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	for _, text := range []string{want, `{"auths":{"ghcr.io":{"auth":"cm9ib3Q6YTpi"}}}`, `{"auths":{"ghcr.io":{"username":"robot","password":"a:b"}}}`} {
		got, err := image.ParseLogins([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(logins, got); diff != "" {
			t.Errorf("%s: -want +got\n%s", text, diff)
		}
	}
	if got, err := image.ParseLogins(nil); err != nil || len(got) > 0 {
		t.Errorf("empty data has %v, %v", got, err)
	}
	if _, err := image.ParseLogins([]byte(`{"password": 1`)); err == nil {
		t.Error("half a document is no error")
	}
}
