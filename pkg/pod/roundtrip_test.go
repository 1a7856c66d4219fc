package pod

import (
	stdcmp "cmp"
	"encoding/json"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// FuzzRoundTrips makes two resources of each kind with any values in all of their fields, also in those that are added later.
// A resource that is exported reads the same, and putting the export over it changes nothing, also not its images. The edits
// between the two give the second one, field by field.
func FuzzRoundTrips(f *testing.F) {
	for seed := range uint64(100) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, seed uint64) {
		random := rand.New(rand.NewPCG(seed, 0))
		for _, kind := range Kinds() {
			ref := Ref{kind, "x"}
			before, after := anyResource(t, kind, random), anyResource(t, kind, random)
			for _, r := range []Resource{before, after} {
				same(t, "exported", r, exported(t, r))
				fields := Fields(Tree(exported(t, r)))
				if images := Images(kind, fields, r); len(images) > 0 {
					t.Errorf("the export of %s has to be pinned again: %v", kind, images)
				}
				put, problems := patched(ref, r, false, fields)
				if len(problems) > 0 {
					t.Fatalf("put: %v", problems)
				}
				same(t, "put", r, put)
			}
			got := before
			for _, e := range Edits(Spec{ref: before}, Spec{ref: after}).Edits {
				var problems Problems
				if got, problems = patched(ref, got, true, Fields(stored(t, e.Fields))); len(problems) > 0 {
					t.Fatalf("edit: %v", problems)
				}
			}
			same(t, "edited", after, got)
		}
	})
}

func same(t *testing.T, what string, want, got Resource) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty(), cmp.Comparer(Content.Equal)); diff != "" {
		t.Fatalf("%s: -want +got\n%s", what, diff)
	}
}

// exported returns a resource after it was written to a file and read from it.
func exported(t *testing.T, r Resource) Resource {
	t.Helper()
	text, err := Encode(FileOf("x", r))
	if err != nil {
		t.Fatal(err)
	}
	s, err := Decode(text)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return s[Ref{r.Kind(), "x"}]
}

// stored returns fields as a draft has them.
func stored(t *testing.T, fields Fields) (out map[string]any) {
	t.Helper()
	if err := remarshal(fields, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// anyResource returns a resource as a revision has it: with fields that mean nothing, because others are not set, it has
// already lost them.
func anyResource(t *testing.T, kind Kind, random *rand.Rand) Resource {
	t.Helper()
	wild, r := newResource(kind), newResource(kind)
	fillAny(reflect.ValueOf(wild).Elem(), random)
	data, err := json.Marshal(wild)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, r); err != nil {
		t.Fatalf("%v\n%s", err, data)
	}
	if secret, ok := r.(*Secret); ok {
		for key, version := range secret.Keys {
			secret.Keys[key] = stdcmp.Or(version, "a") // an empty one stands for that of the pod
		}
	}
	return r
}

// words are texts that YAML, JSON, Kubernetes or psc read as something else in some place.
func words() []string {
	return []string{
		"", " ", "a", "b", "c", "null", "~", "True", "off", "y", "1.10", "0755", "0x1F", "1e3", ".inf", "<<", "-", "=", "a-", "1:20",
		"2026-01-02", "$(a)", "$$", "a: b", "a #b", "!vault x", "&a", "*a", "[a]", "{a: b}", "a\nb\n", "\na", "a\r\nb", "\tb", "a ", "é",
		"\u0085", "\ufeffa", "\u2028", "😀", "\x01", "\x7f", `"`, "'", `\u0041`, "config/a:ro", "web:1@sha256:a",
	}
}

// formsOf returns a value in each form of a type with its own JSON forms, and nothing for other types.
func formsOf(t reflect.Type, word func() string) []any {
	switch t {
	case reflect.TypeFor[Content]():
		return []any{ContentOf([]byte(word())), ContentOf([]byte(word() + "\xff")), ContentOf(nil)}
	case reflect.TypeFor[EnvValue]():
		return []any{
			EnvValue{Value: word()},
			EnvValue{App: "a" + word(), Port: word()},
			EnvValue{Secret: "a" + word(), Key: word()},
			EnvValue{Config: "a" + word(), File: word()},
			EnvValue{Instance: "a" + word()},
			EnvValue{Template: "a" + word()},
		}
	case reflect.TypeFor[TLS]():
		return []any{TLS{Mode: TLSAuto}, TLS{Mode: TLSOff}, TLS{Secret: "a" + word()}}
	}
	return nil
}

// fillAny gives every field any value, and leaves some empty. Items of a list have different keys.
func fillAny(v reflect.Value, random *rand.Rand) {
	if random.IntN(4) == 0 && v.Kind() != reflect.Struct {
		return
	}
	word := func() string { return words()[random.IntN(len(words()))] }
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fillAny(v.Elem(), random)
	case reflect.Slice:
		shape, seen := shapeOf(v.Type()), map[string]bool{}
		for range random.IntN(4) {
			item := reflect.New(v.Type().Elem()).Elem()
			fillAny(item, random)
			if shape.keyed() {
				for _, other := range shape.items.keys[1:] { // one of them is set
					item.Field(shape.items.fields[other].index).SetZero()
				}
				key := shape.items.keyOf(normal(item.Interface()))
				if seen[key] {
					continue
				}
				seen[key] = true
			}
			v.Set(reflect.Append(v, item))
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		for range random.IntN(4) {
			item := reflect.New(v.Type().Elem()).Elem()
			fillAny(item, random)
			if name := word(); name != "<<" { // no kind allows it as a name
				v.SetMapIndex(reflect.ValueOf(name), item)
			}
		}
	case reflect.Struct:
		if forms := formsOf(v.Type(), word); forms != nil {
			v.Set(reflect.ValueOf(forms[random.IntN(len(forms))]))
			return
		}
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				fillAny(v.Field(i), random)
			}
		}
	case reflect.String:
		v.SetString(word())
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(random.Int64N(1 << 40))
	default:
	}
}
