package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pscdev/psc/internal/fault"
	"github.com/pscdev/psc/pkg/pod"
)

type nextCase struct {
	next pod.Next
	want string
}

// steps are next steps of every kind, with their words.
func steps() []nextCase {
	return []nextCase{
		{pod.Next{Do: pod.DoSet, Kind: pod.KindApp, Name: "web", Set: map[string]string{"memory": "64Mi"}, Deploy: true}, "psc app set web --memory 64Mi --deploy"},
		{pod.Next{Do: pod.DoSet, Kind: pod.KindApp, Name: "web", Set: map[string]string{"memory": "", "cpu": ""}, Deploy: true}, "psc app set web --cpu AMOUNT --memory AMOUNT --deploy"},
		{pod.Next{Do: pod.DoSet, Kind: pod.KindApp, Name: "web", Set: map[string]string{"health.headers.Host": ""}}, "psc app set web --health-header Host=HOST"},
		{pod.Next{Do: pod.DoSet, Kind: pod.KindApp, Name: "web", Set: map[string]string{"health.timeout": "10s"}}, "psc app set web --health-timeout 10s"},
		{pod.Next{Do: pod.DoSet, Kind: pod.KindApp, Name: "web", Set: map[string]string{"health.command": ""}}, "psc app set web --health-command WORD"},
		{pod.Next{Do: pod.DoSet, Kind: pod.KindApp, Name: "web", Set: map[string]string{"health": "tcp"}}, "psc app set web --health tcp"},
		{pod.Next{Do: pod.DoSet, Kind: pod.KindApp, Name: "web", Set: map[string]string{"liveness": ""}}, "psc app set web --liveness CHECK"},
		{pod.Next{Do: pod.DoSet, Kind: pod.KindApp, Name: "web", Set: map[string]string{"cpuLimit": ""}}, "psc app set web --cpu-limit AMOUNT"},
		{pod.Next{Do: pod.DoClear, Kind: pod.KindApp, Name: "web", Set: map[string]string{"capabilities": ""}}, "psc app set web --capability -"},
		{pod.Next{Do: pod.DoSet, Kind: pod.KindApp, Name: "api", Set: map[string]string{"ports": ""}}, "psc app set api --port PORT"},
		{pod.Next{Do: pod.DoSet, Kind: pod.KindRoute, Name: "shop", Set: map[string]string{"hosts": ""}, Deploy: true, Note: "choose a host"}, "choose a host: psc route set shop --host HOST --deploy"},
		{pod.Next{Do: pod.DoSet, Kind: pod.KindDisk, Name: "data", Set: map[string]string{"size": "1Gi"}}, "psc disk set data --size 1Gi"},
		{pod.Next{Do: pod.DoSet, Kind: pod.KindSecret, Name: "db", Set: map[string]string{"url": "", "password": ""}}, "psc secret set db password url"},
		{pod.Next{Do: pod.DoSet, Kind: pod.KindSecret}, "psc secret set NAME KEY"},
		{pod.Next{Do: pod.DoScale, Kind: pod.KindApp, Name: "web", Set: map[string]string{"instances": ""}, Deploy: true}, "psc app scale web N --deploy"},
		{pod.Next{Do: pod.DoScale, Kind: pod.KindApp, Name: "web", Set: map[string]string{"instances": "3"}}, "psc app scale web 3"},
		{pod.Next{Do: pod.DoClear, Kind: pod.KindApp, Name: "web", Set: map[string]string{"command": ""}, Deploy: true}, "psc app set web --command - --deploy"},
		{pod.Next{Do: pod.DoCreate, Kind: pod.KindDisk, Name: "data-2", Set: map[string]string{"class": "", "size": ""}}, "psc disk create data-2 --class CLASS --size SIZE"},
		{pod.Next{Do: pod.DoCreate, Kind: pod.KindDisk, Name: "data-2", Set: map[string]string{"class": "", "shared": "", "size": ""}}, "psc disk create data-2 --class CLASS --shared --size SIZE"},
		{pod.Next{Do: pod.DoSet, Kind: pod.KindApp, Name: "web", Set: map[string]string{"scratch": "/tmp=scratch/SIZE"}}, "psc app set web --mount /tmp=scratch/SIZE"},
		{pod.Next{Do: pod.DoEdit, Kind: pod.KindApp, Name: "web", Note: "change container cron"}, "change container cron: psc edit app/web"},
		{pod.Next{Do: pod.DoShow, Kind: pod.KindApp, Name: "web", Note: "check its files"}, "check its files: psc app show web"},
		{pod.Next{Do: pod.DoLogs, Name: "seed-run-k3x9q2ab"}, "psc run logs seed-run-k3x9q2ab"},
		{pod.Next{Do: pod.DoSet, Kind: pod.KindJob, Name: "seed", Set: map[string]string{"timeout": "2h"}}, "psc job set seed --time-limit 2h"},
		{pod.Next{Do: pod.DoList, Kind: pod.KindConfig}, "psc config list"},
		{pod.Next{Do: pod.DoDeploy, Note: "recreate it"}, "recreate it: psc deploy"},
		{pod.Next{Do: pod.DoRedeploy}, "psc deploy --redeploy"},
		{pod.Next{Do: pod.DoDrift}, "psc diff --live"},
		{pod.Next{Do: pod.DoAsk, Note: "ask for a larger quota"}, "ask for a larger quota"},
		{pod.Next{Do: pod.DoOutside, Note: "make the image public"}, "make the image public"},
	}
}

func TestNextWords(t *testing.T) {
	tested := map[string]bool{}
	for _, s := range steps() {
		tested[string(s.next.Do)] = true
		if got := nextWords(s.next); got != s.want {
			t.Errorf("got %q, want %q", got, s.want)
		}
		commandExists(t, s.next)
	}
	for _, do := range found(t, "../../pkg/pod/next.go", `\bDo\w+ +Do = "(\w+)"`) {
		if !tested[do] {
			t.Errorf("the words of %q are not tested", do)
		}
	}
}

// commandExists parses the command of a next step as psc does.
func commandExists(t *testing.T, n pod.Next) {
	t.Helper()
	command := nextCommand(n)
	if command == "" {
		if n.Note == "" {
			t.Errorf("%+v has no words", n)
		}
		return
	}
	cmd, args, err := Command(Env{}).Find(strings.Fields(command)[1:])
	if err == nil {
		err = cmd.ParseFlags(args)
	}
	if err == nil {
		err = cmd.ValidateArgs(cmd.Flags().Args())
	}
	if err != nil || cmd.HasSubCommands() {
		t.Errorf("%s is not a command: %v", command, err)
	}
}

// Every next step of pkg/health has words, and its command exists. The situations in its testdata have the steps as JSON.
// The table of this file has all other steps that its source names.
func TestNextOfHealth(t *testing.T) {
	dos, fields := map[pod.Do]bool{}, map[string]bool{}
	see := func(n pod.Next) {
		dos[n.Do] = true
		for field := range n.Set {
			fields[field] = true
		}
	}
	for _, s := range steps() {
		see(s.next)
	}
	for _, text := range found(t, "../../pkg/health/testdata/*.txtar", `(?m)^\tnext: (.*)$`) {
		var n pod.Next
		if err := json.Unmarshal([]byte(text), &n); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		commandExists(t, n)
		see(n)
	}
	for _, name := range found(t, "../../pkg/health/*.go", `\bpod\.Do(\w+)`) {
		if do := pod.Do(strings.ToLower(name)); !dos[do] {
			t.Errorf("pkg/health names the step %q, which is not tested", do)
		}
	}
	for _, field := range found(t, "../../pkg/health/*.go", `(?:\bset\(|map\[string\]string\{|"", )"([\w.]+)"`) {
		if !fields[field] {
			t.Errorf("pkg/health names the field %q, which is not tested", field)
		}
	}
}

// found returns what a pattern's first group matches in some files, without those of tests.
func found(t *testing.T, glob, pattern string) []string {
	t.Helper()
	files, err := filepath.Glob(glob)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		for _, match := range regexp.MustCompile(pattern).FindAllSubmatch(data, -1) {
			all = append(all, string(match[1]))
		}
	}
	if len(all) == 0 {
		t.Fatalf("%s: nothing matches %s", glob, pattern)
	}
	return all
}

// An error with problems gets their next steps as commands, in its text and in its details: once, and also if the
// problems are inside another error.
func TestInvalid(t *testing.T) {
	problems := pod.Problems{
		{Path: "app/web spec.env.API", Message: `app "api" has no port`, Next: pod.Next{Do: pod.DoSet, Kind: pod.KindApp, Name: "api", Set: map[string]string{"ports": ""}}},
		{Path: "app/web spec.image", Message: "is missing"},
	}
	const want = "app/web spec.env.API: app \"api\" has no port: psc app set api --port PORT\napp/web spec.image: is missing"
	for _, err := range []error{problems, fmt.Errorf("r2 was not deployed: %w", problems)} {
		prefix := strings.TrimSuffix(err.Error(), problems.Error())
		for range 2 {
			err = worded(err)
			if got := err.Error(); got != prefix+want {
				t.Errorf("got %q", got)
			}
			var told string
			for _, d := range fault.Of(err).Details {
				told += "\n" + d.Path + ": " + d.Message
			}
			if diff := cmp.Diff("\n"+want, told); diff != "" {
				t.Errorf("details: -want +got\n%s", diff)
			}
		}
	}
	if errors.As(worded(problems), &problems); problems[0].Next.Do != "" {
		t.Error("the step is there twice, in the message and as a value")
	}
}
