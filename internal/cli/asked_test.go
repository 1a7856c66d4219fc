package cli_test

import (
	"bytes"
	"fmt"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/creack/pty"
	"github.com/rogpeppe/go-internal/testscript"
)

// asked REGEXP FILE ANSWER COMMAND… runs a command on a terminal. When the terminal shows REGEXP, it runs the commands
// in FILE, and then types ANSWER. The command must succeed.
func asked(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 4 {
		ts.Fatalf("usage: asked REGEXP FILE ANSWER COMMAND...")
	}
	question, err := regexp.Compile(args[0])
	ts.Check(err)
	cmd := command(ts, args[3], args[4:]...)
	terminal, err := pty.Start(cmd)
	ts.Check(err)
	defer terminal.Close()
	defer time.AfterFunc(time.Minute, func() { _ = cmd.Process.Kill() }).Stop() // it asks something else
	var shown bytes.Buffer
	for answered := false; ; {
		chunk := make([]byte, 4096)
		n, err := terminal.Read(chunk)
		shown.Write(chunk[:n])
		if err != nil { // nobody has the terminal open any more
			break
		}
		if !answered && question.Match(shown.Bytes()) {
			answered = true
			for _, line := range lines(ts.ReadFile(args[1])) {
				words := strings.Fields(os.Expand(line, ts.Getenv))
				out, err := command(ts, words[0], words[1:]...).CombinedOutput()
				ts.Logf("%s", out)
				ts.Check(err)
			}
			fmt.Fprintln(terminal, strings.ReplaceAll(args[2], `\n`, "\n")) // the answers to the next questions are typed ahead
		}
	}
	ts.Logf("%s", shown.Bytes())
	ts.Check(cmd.Wait())
	if !question.Match(shown.Bytes()) {
		ts.Fatalf("%s was not asked", question)
	}
}
