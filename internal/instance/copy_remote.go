package instance

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pscdev/psc/internal/files"
	"github.com/pscdev/psc/pkg/report"
)

// compare compares files in a folder of the instance with those of this machine, and returns how: by their "sha256", their
// "length", or not at all. at is the path of the file or the folder for an error.
func (r *copying) compare(ctx context.Context, folder, at string, content files.Content) (string, error) {
	var list strings.Builder
	var sizes []string
	skipped := false
	for _, e := range content.Entries {
		switch {
		case !e.Mode.IsRegular():
		case strings.ContainsAny(e.Path, "\\\n\r"): // sha256sum quotes them, and not every one the same
			skipped = true
		default:
			fmt.Fprintf(&list, "%x  %s\n", e.Sum, e.Path)
			sizes = append(sizes, strconv.FormatInt(e.Size, 10))
		}
	}
	if len(sizes) == 0 {
		return "", nil
	}
	answer := &differences{sizes: sizes}
	err := r.script(ctx, Streams{In: strings.NewReader(list.String()), Out: answer}, at, compare, folder)
	switch {
	case answer.bad != "" && !content.Entries[0].Mode.IsRegular():
		return "", r.failed(slashed(at)+"/"+answer.bad, ErrDiffers)
	case answer.bad != "":
		return "", r.failed(at, ErrDiffers)
	case err != nil:
		return "", err
	case skipped || answer.how == "none":
		return "", nil
	case answer.how == "length" && answer.n != len(sizes):
		return "", r.failed(at, ErrDiffers)
	}
	return answer.how, nil
}

// differences reads the answer of the comparison.
type differences struct {
	sizes    []string
	how, bad string
	n        int
	rest     []byte
}

// Write implements io.Writer.
func (d *differences) Write(p []byte) (int, error) {
	d.rest = append(d.rest, p...)
	for {
		line, rest, whole := bytes.Cut(d.rest, []byte("\n"))
		if !whole {
			return len(p), nil
		}
		d.rest = rest
		d.line(string(line))
	}
}

func (d *differences) line(line string) {
	switch {
	case d.how == "":
		d.how = line
	case d.bad != "":
	case d.how == "sha256":
		if name, rest, _ := cutLast(line, ": "); rest != "OK" {
			d.bad = name
		}
	case d.n >= len(d.sizes) || strings.TrimSpace(line) != d.sizes[d.n]:
		d.bad = "."
	default:
		d.n++
	}
}

func cutLast(s, sep string) (before, after string, found bool) {
	if at := strings.LastIndex(s, sep); at >= 0 {
		return s[:at], s[at+len(sep):], true
	}
	return s, "", false
}

// shown returns a path in the instance as a user writes it.
func (r *copying) shown(name string) string { return r.Name + ":" + strings.TrimPrefix(name, "./") }

// report describes a copy that is complete.
func (r *copying) report(source, target, checksum string, content files.Content) report.Copied {
	out := report.Copied{Source: source, Target: target, Checksum: checksum}
	out.Files, out.Bytes = content.Files()
	for _, l := range content.Left {
		out.LeftOut = append(out.LeftOut, report.LeftOut{Path: l.Path, Reason: l.Reason})
	}
	return out
}

// found is what is at a path in an instance.
type found struct {
	folder, missing, special bool
	mode                     fs.FileMode
	time                     time.Time // zero if the image has no stat
}

// programs are those of an image that a copy can use.
type programs []string

// missing returns the error for programs that a copy of a path needs and the image does not have, or nil.
func (r *copying) missing(has programs, name string, needed ...string) error {
	lacks := slices.DeleteFunc(needed, func(program string) bool { return slices.Contains(has, program) })
	if len(lacks) == 0 {
		return nil
	}
	return r.failed(name, &ProgramsError{Programs: lacks})
}

// look finds out which programs the image has, and what is at some paths.
func (r *copying) look(ctx context.Context, names ...string) (has programs, all []found, err error) {
	var out bytes.Buffer
	err = r.script(ctx, Streams{Out: &out}, names[0], append([]string{look}, names...)...)
	if errors.Is(err, ErrNotStarted) {
		err = r.failed(names[0], ErrNoShell)
	}
	if err != nil {
		return nil, nil, err
	}
	lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	for _, line := range lines[1:] {
		kind, facts, _ := strings.Cut(line, " ")
		f := found{folder: kind == "folder", missing: kind == "none", special: kind == "other", mode: 0o644}
		mode, seconds, _ := strings.Cut(facts, " ")
		bits, wrong := strconv.ParseUint(mode, 8, 12)
		if at, err := strconv.ParseInt(seconds, 10, 64); err == nil && wrong == nil {
			f.mode, f.time = fs.FileMode(bits).Perm(), time.Unix(at, 0)
		}
		all = append(all, f)
	}
	if len(all) != len(names) {
		return nil, nil, r.failed(names[0], fmt.Errorf("unexpected answer of the shell: %q", out.String()))
	}
	return strings.Fields(lines[0]), all, nil
}

// failed returns the error for a path in the instance.
func (r *copying) failed(name string, err error) error {
	return &CopyError{Instance: r.instance.Name, Path: strings.TrimPrefix(name, "./"), Err: err}
}

// script runs a script in the instance, with its arguments. at is the path that it is about: what it says is the error for it.
func (r *copying) script(ctx context.Context, s Streams, at string, words ...string) error {
	said := &firsts{}
	s.Err = said
	p := r.process
	p.streams = s
	err := p.command(ctx, append([]string{"sh", "-c", words[0], "sh"}, words[1:]...))
	var exit *ExitError
	if errors.As(err, &exit) {
		text := strings.TrimSpace(said.String())
		if text == "" {
			text = exit.Error()
		}
		return r.failed(at, errors.New(text))
	}
	return err
}

// firsts keeps the beginning of what is written.
type firsts struct{ bytes.Buffer }

// Write implements io.Writer.
func (f *firsts) Write(p []byte) (int, error) {
	const most = 1 << 10
	f.Buffer.Write(p[:min(len(p), max(0, most-f.Len()))])
	return len(p), nil
}
