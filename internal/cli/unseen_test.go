package cli_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// unseen SECRET FILE COMMAND… runs a command that reads FILE. While it runs, neither its arguments nor the arguments and the
// environments of the programs that it starts may contain SECRET: other programs can read them. With !, they must.
func unseen(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) < 3 {
		ts.Fatalf("usage: unseen SECRET FILE COMMAND...")
	}
	cmd := command(ts, args[2], args[3:]...)
	for _, variable := range []string{"WORK", "PSC_TOKEN", "PSC_BROWSER", "PASSWORD"} {
		cmd.Env = append(cmd.Env, variable+"="+ts.Getenv(variable))
	}
	defer time.AfterFunc(time.Minute, func() { _ = cmd.Process.Kill() }).Stop()
	cmd.Stdin = bytes.NewReader([]byte(ts.ReadFile(args[1])))
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	ts.Check(cmd.Start())
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	seen := ""
	for {
		select {
		case err := <-done:
			ts.Logf("%s", &out)
			ts.Check(err)
			if (seen != "") != neg {
				ts.Fatalf("seen: %q", seen)
			}
			return
		case <-time.After(2 * time.Millisecond):
			if found := exposed(args[0], ts.Getenv("WORK"), cmd.Process.Pid); found != "" {
				seen = found
			}
		}
	}
}

// exposed returns where processes of a story expose a secret. The environment of the process main is its user's, and so is that of a
// copy of it that has not become another program yet.
func exposed(secret, work string, main int) string {
	own, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", main))
	processes, _ := filepath.Glob("/proc/[0-9]*")
	for _, process := range processes {
		arguments, _ := os.ReadFile(process + "/cmdline") // first: the environment is then that of this program, or of the next one
		environment, _ := os.ReadFile(process + "/environ")
		if !bytes.Contains(environment, []byte("WORK="+work+"\x00")) {
			continue
		}
		if bytes.Contains(arguments, []byte(secret)) {
			return string(arguments)
		}
		if !bytes.Equal(arguments, own) && bytes.Contains(environment, []byte(secret)) {
			return "the environment of " + string(arguments)
		}
	}
	return ""
}
