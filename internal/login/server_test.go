package login

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Without a port, a server is at 443 or at 6443.
func TestAddresses(t *testing.T) {
	for text, want := range map[string][]string{
		"api.example.com":              {"https://api.example.com", "https://api.example.com:6443"},
		"https://api.example.com/":     {"https://api.example.com", "https://api.example.com:6443"},
		"api.example.com:8443":         {"https://api.example.com:8443"},
		"https://example.com/k8s/c-1/": {"https://example.com/k8s/c-1", "https://example.com:6443/k8s/c-1"},
		"[fd00::1]":                    {"https://[fd00::1]", "https://[fd00::1]:6443"},
	} {
		got, err := addresses(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
		}
		var urls []string
		for _, u := range got {
			urls = append(urls, u.String())
		}
		if diff := cmp.Diff(want, urls); diff != "" {
			t.Errorf("%s: %s", text, diff)
		}
	}
}
