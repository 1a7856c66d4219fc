package pod_test

import (
	"encoding/json"
	"regexp"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/pscdev/psc/pkg/pod"
)

func seeds() []string {
	return []string{
		"",
		"# nothing\n---\n---",
		"[]", "1", "{}", "&a [*a]", "? [a]\n: b", "!!binary x", "a: b: c", "--- x", "\ufeff{}",
		header,
		header + "spec: {image: a, cpu: 1, ports: [{name: http, port: 80}], env: {A: 1.10, B: off, C: {app: web}, D: }}",
		header + "spec: {image: a, env: {A: True, B: FALSE, null: x, ~: y, true: z, y: NO, .5: .5, <<: {C: True}}}",
		header + "spec: {image: &k a, env: {*k : !t x, A: !!binary aGk=, !!str 1: null, : x}}",
		header + "spec: {image: a, command: [off, 0x1F, .5, 1_000, '', ~], health: {off: true}, instances: 010}",
		header + "spec: {image: a, env: {A: \"\\u0085\\ufeff\\x01\", B: \"a\\n b\\n\", C: '1:20', D: <<, <<: {E: f}}}",
		"{apiVersion: psc.dev/v1, kind: Route, metadata: {name: r}, spec: {tls: off, rules: [{path: /, to: [{app: web, weight: 1}]}]}}\n---\n" +
			header + "spec: {image: a, ports: [{name: http, port: 80}]}",
		everything,
		"{apiVersion: psc.dev/v1, kind: Config, metadata: {name: c}, spec: {files: {a: \"\\x00\", b: {base64: /w==}, c: 1.10, d: {sha256: x}}}}",
	}
}

// Reading any file ends. A valid spec is written so that reading it gives the same spec.
func FuzzDecode(f *testing.F) {
	for _, seed := range seeds() {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := pod.Decode(data)
		if err != nil || pod.Validate(s) != nil {
			return
		}
		var file []byte
		for _, r := range s.Refs() {
			text, err := pod.Encode(pod.FileOf(r.Name, s[r]))
			if err != nil {
				t.Fatal(err)
			}
			file = append(append(file, "---\n"...), text...)
		}
		again, err := pod.Decode(file)
		if err != nil {
			t.Fatalf("%v\n%s", err, file)
		}
		if diff := cmp.Diff(s, again, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("-first +again\n%s\n%s", diff, file)
		}
	})
}

// A word without quotes is kept as it is spelled, as a value and as a key, or refused. What is written reads the same.
func FuzzSpelling(f *testing.F) {
	for _, seed := range []string{"True", "FALSE", "null", "~", "yes", "1.10", "0x1F", "1e3", ".inf", "2026-01-02", "1:20", "<<", "-", "=", "a"} {
		f.Add(seed)
	}
	plain := regexp.MustCompile(`^[-A-Za-z0-9~.+_=<]{1,40}$`)
	f.Fuzz(func(t *testing.T, word string) {
		if !plain.MatchString(word) {
			return
		}
		for _, text := range []string{
			header + "spec: {image: a, env: {A: " + word + "}}",
			header + "spec: {image: a, args: [" + word + "]}",
			header + "spec: {image: a, env: {" + word + ": x}}",
			"{apiVersion: psc.dev/v1, kind: Config, metadata: {name: c}, spec: {files: {" + word + ": x}}}",
			"{apiVersion: psc.dev/v1, kind: Config, metadata: {name: c}, spec: {files: {a: " + word + "}}}",
		} {
			s, err := pod.Decode([]byte(text))
			if err != nil {
				continue
			}
			for range 2 {
				if got := words(s); !slices.Contains(got, word) {
					t.Fatalf("%s: got %q", text, got)
				}
				ref := s.Refs()[0]
				file, err := pod.Encode(pod.FileOf(ref.Name, s[ref]))
				if err != nil {
					t.Fatal(err)
				}
				if s, err = pod.Decode(file); err != nil {
					t.Fatalf("%v\n%s", err, file)
				}
			}
		}
	})
}

// words returns the arguments, the variables and the files of a spec, with their names.
func words(s pod.Spec) []string {
	var all []string
	for _, app := range s.Apps() {
		all = append(all, app.Args...)
		for name, value := range app.Env {
			all = append(all, name, value.Value)
		}
	}
	for _, config := range s.Configs() {
		for name, content := range config.Files {
			data, _ := content.Bytes()
			all = append(all, name, string(data))
		}
	}
	return all
}

// Applying any stored change ends, does not modify the spec, and gives a valid spec or an error.
func FuzzApply(f *testing.F) {
	for _, seed := range []string{
		`{}`, `null`,
		`{"edits": [{"verb": "set", "kind": "App", "name": "web", "fields": {"image": null, "ports": {"http": 1, "x": {"port": 1}}}}]}`,
		`{"edits": [{"verb": "put", "kind": "Route", "name": "shop", "fields": {"rules": {"/": {"to": {"web": {}}}}, "tls": false}}]}`,
		`{"edits": [{"verb": "create", "kind": "App", "name": "x", "fields": {"env": {"to": {"app": "web"}}, "health": []}}]}`,
		`{"edits": [{"verb": "delete", "kind": "App", "name": "web"}, {"verb": "?"}]}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var c pod.Change
		if json.Unmarshal(data, &c) != nil {
			return
		}
		before := shop()
		after, err := pod.Apply(before, c)
		if diff := cmp.Diff(shop(), before); diff != "" {
			t.Fatalf("the spec was modified: -before +after\n%s", diff)
		}
		if err == nil && pod.Validate(after) != nil {
			t.Fatalf("the result is not valid: %v", pod.Validate(after))
		}
	})
}
