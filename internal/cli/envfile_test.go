package cli

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pscdev/psc/internal/fault"
)

// A line is read as docker compose and dotenv read it, where they agree.
func TestParseEnvFile(t *testing.T) {
	for text, want := range map[string]string{
		"A=v": "v", "A = v": "v", " A=v ": "v", "A\t=\tv\t": "v", "A=v\r\n": "v", "A=": "", "A=two words": "two words",
		"\ufeffA=v": "v", "\ufeff\n# c\n\nA=v": "v",
		"export A=v": "v", "export\tA=v": "v", "export  A = v": "v",
		"A=50  # in euros": "50", "A=v\t#c": "v", "A= # c": "", "A=a#b": "a#b", "A=#b": "#b", "A=a # b # c": "a",
		"A=a=b": "a=b", "A=$HOME": "$HOME", "A=${B}": "${B}", "A='$B'": "$B", `A="$B"`: "$B", `A=a\nb`: `a\nb`, "A=it's": "it's",
		`A="x" # note`: "x", `A='x' # note`: "x", `A="a # b"`: "a # b", `A=" v "`: " v ", `A='a"b'`: `a"b`, `A="it's"`: "it's", `A=""`: "",
		`A="a\nb\rc"`: "a\nb\rc", `A='a\nb\'`: `a\nb\`, `A='' #'`: "",
	} {
		got := map[string][]byte{}
		if err := parseEnvFile(got, ".env", text); err != nil {
			t.Errorf("%q: %v", text, err)
		}
		if diff := cmp.Diff(map[string][]byte{"A": []byte(want)}, got); diff != "" {
			t.Errorf("%q: -want +got\n%s", text, diff)
		}
	}
	got := map[string][]byte{}
	err := parseEnvFile(got, ".env", "export=1\nexport exporter=2\na.b-c_9=3\n")
	want := map[string][]byte{"export": []byte("1"), "exporter": []byte("2"), "a.b-c_9": []byte("3")}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v: -want +got\n%s", err, diff)
	}
}

// A line that cannot be read as it is written is refused by its number. The error does not repeat the line.
func TestParseEnvFileProblems(t *testing.T) {
	for text, want := range map[string]string{
		"A=1\nCANARY":          "line 2 is not KEY=VALUE",
		`A="CANARY`:            "line 1 has an unclosed quote",
		"A='CANARY\nB=2'":      "line 1 has an unclosed quote",
		`A="CANARY"x`:          "line 1 has text after the closing quote",
		`A='CANARY'#x`:         "line 1 has text after the closing quote",
		`A='CANARY''x'`:        "line 1 has text after the closing quote",
		`A="CANARY\"x"`:        `line 1 has a backslash in double quotes that is not \n or \r`,
		`A="C:\CANARY"`:        `line 1 has a backslash in double quotes that is not \n or \r`,
		`A="CANARY\\n"`:        `line 1 has a backslash in double quotes that is not \n or \r`,
		"A=CANARY\rB=2":        "line 1 has a control character",
		"A=1\n#\nMY CANARY=1":  "line 3 has a key with other characters than letters, digits, -, _ and .",
		"=CANARY":              "line 1 has a key with other characters than letters, digits, -, _ and .",
		"CANARY+/=1":           "line 1 has a key with other characters than letters, digits, -, _ and .",
		"\xff\xfeA\x00=\x001":  "line 1 has a key with other characters than letters, digits, -, _ and .",
		"A=1\nB=2\n\nA=CANARY": "lines 1 and 4 set the same key",
		"":                     "has no lines KEY=VALUE",
		"# CANARY\n\n":         "has no lines KEY=VALUE",
	} {
		err := parseEnvFile(map[string][]byte{}, ".env", text)
		if err == nil || err.Error() != "--env-file .env"+map[bool]string{true: " ", false: ": "}[strings.HasPrefix(want, "has no")]+want {
			t.Errorf("%q: got %v, want %q", text, err, want)
			continue
		}
		if e := fault.Of(err); e.Code != fault.Usage || strings.Contains(e.Err.Error()+e.Hint, "CANARY") {
			t.Errorf("%q: got %+v", text, e)
		}
	}
}
