package cli_test

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/pscdev/psc/pkg/report"
)

// ticks N FILE checks lines of psc logs -o json: at least N instances have printed, and of each there is every tick of the app
// hello from the first one on, once and in order.
func ticks(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: ticks N FILE")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	seen := map[string]int{}
	for text := range strings.Lines(ts.ReadFile(args[1])) {
		var line report.LogLine
		ts.Check(json.Unmarshal([]byte(text), &line))
		_, number, found := strings.Cut(line.Line, " tick ")
		if !found {
			continue
		}
		if seen[line.Instance]++; number != fmt.Sprint(seen[line.Instance]) {
			ts.Fatalf("tick %d of %s is missing: %s", seen[line.Instance], line.Instance, text)
		}
	}
	if len(seen) < want {
		ts.Fatalf("lines of %d instances, want %d", len(seen), want)
	}
}
