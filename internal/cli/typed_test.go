package cli_test

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"regexp"
	"sync"
	"time"

	"github.com/creack/pty"
	"github.com/rogpeppe/go-internal/testscript"
)

// shells are the commands that prepare a shell for completion. The prompt is two words, so that the echo of the line is no prompt.
var shells = map[string]struct {
	args  []string
	setup string
}{
	"bash": {[]string{"--noprofile", "--norc", "-i"}, ". /usr/share/bash-completion/bash_completion; . <(psc completion bash); " +
		"bind 'set enable-bracketed-paste off' 'set show-all-if-ambiguous on' 'set page-completions off'; a=is b=ready; PS1=\"$a $b> \"\n"},
	"zsh": {[]string{"-f", "-i"}, "unsetopt zle_bracketed_paste list_beep; zstyle ':completion:*' list-prompt ''; autoload -U compinit; compinit -u -D; " +
		". <(psc completion zsh); a=is b=ready; PS1=\"$a $b> \"\n"},
	"fish": {[]string{"--no-config", "-i"}, "psc completion fish | source; function fish_prompt; echo -n (string join ' ' is ready)'> '; end\n"},
}

// escapes are the codes for colours and for the cursor.
var escapes = regexp.MustCompile(`\x1b(\[[0-9;?<>=]*[a-zA-Z]|[()][A-Z0-9]|[=>]|\][^\a]*\a)`)

// typed SHELL LINE REGEXP types a line into a shell on a terminal and presses Tab, until the terminal shows REGEXP.
func typed(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: typed SHELL LINE REGEXP")
	}
	shell, known := shells[args[0]]
	if !known {
		ts.Fatalf("unknown shell %s", args[0])
	}
	want, err := regexp.Compile(args[2])
	ts.Check(err)
	cmd := command(ts, args[0], shell.args...)
	cmd.Env = append(cmd.Env, "TERM=xterm", "ZDOTDIR="+ts.Getenv("WORK"))
	terminal, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 40, Cols: 160})
	ts.Check(err)
	defer func() {
		_ = cmd.Process.Kill()
		_, _ = cmd.Process.Wait()
		_ = terminal.Close()
	}()
	var screen output
	go func() { _, _ = io.Copy(&screen, terminal) }()
	screen.shows(ts, regexp.MustCompile(`[$%#>]`), func() {})
	_, err = terminal.WriteString(shell.setup)
	ts.Check(err)
	screen.shows(ts, regexp.MustCompile(`is ready> `), func() {})
	screen.clear()
	const eraseLine = "\x15"
	screen.shows(ts, want, func() { _, _ = terminal.WriteString(eraseLine + args[1] + "\t") })
	ts.Logf("%s", screen.text())
}

// output is what a terminal shows.
type output struct {
	sync.Mutex
	data bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.Lock()
	defer o.Unlock()
	return o.data.Write(p)
}

func (o *output) clear() {
	o.Lock()
	defer o.Unlock()
	o.data.Reset()
}

func (o *output) text() string {
	o.Lock()
	defer o.Unlock()
	return escapes.ReplaceAllString(o.data.String(), "")
}

// shows waits until the terminal shows a pattern, and calls again each second.
func (o *output) shows(ts *testscript.TestScript, want *regexp.Regexp, again func()) {
	for begin, next := time.Now(), time.Now(); ; time.Sleep(20 * time.Millisecond) {
		if want.MatchString(o.text()) {
			return
		}
		if time.Since(begin) > patience/2 {
			ts.Fatalf("the terminal does not show %s:\n%s", want, o.text())
		}
		if time.Now().After(next) {
			again()
			next = next.Add(time.Second)
		}
	}
}

// hasShell reports whether a shell of this name can be tested here.
func hasShell(name string) bool {
	if _, err := exec.LookPath(name); err != nil {
		return false
	}
	_, err := os.Stat("/usr/share/bash-completion/bash_completion")
	return name != "bash" || err == nil
}
