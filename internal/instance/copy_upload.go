package instance

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"path"
	"strconv"
	"strings"

	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/util/rand"

	"github.com/pscdev/psc/internal/files"
	"github.com/pscdev/psc/pkg/report"
)

func (r *copying) upload(ctx context.Context, source files.Source) (report.Copied, error) {
	target, merge, err := r.target(ctx, source)
	if err != nil {
		return report.Copied{}, err
	}
	stage := path.Dir(target)
	if merge {
		stage = target
	}
	stage = slashed(stage) + "/.psc-cp-" + rand.String(10)
	done := false
	defer func() {
		if last, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace); !done {
			defer cancel()
			_ = r.script(last, Streams{Out: io.Discard}, stage, discard, stage)
		} else {
			cancel()
		}
	}()
	content, err := r.send(ctx, source, stage, target)
	if err != nil {
		return report.Copied{}, err
	}
	folder, sent := stage, content
	if !source.Info.IsDir() {
		folder, sent.Entries = path.Dir(stage), []files.Entry{content.Entries[0]}
		sent.Entries[0].Path = path.Base(stage)
	}
	checksum, err := r.compare(ctx, folder, target, sent)
	if err != nil {
		return report.Copied{}, err
	}
	if err := r.place(ctx, stage, target, merge, content); err != nil {
		return report.Copied{}, err
	}
	done = true
	return r.report(r.Local, r.shown(cmp.Or(target, "/")), checksum, content), nil
}

// target returns the path that the source gets in the instance, and whether a folder is there already.
func (r *copying) target(ctx context.Context, source files.Source) (target string, merge bool, err error) {
	isFolder := source.Info.IsDir()
	within := slashed(r.Remote) + "/" + source.Base()
	if source.Base() == "." {
		within = r.Remote
	}
	has, found, err := r.look(ctx, r.Remote, path.Dir(slashed(r.Remote)), within)
	if err != nil {
		return "", false, err
	}
	needed := []string{"cat", "mv", "rm"}
	if isFolder {
		needed = []string{"tar", "cat", "mkdir", "mv", "rm"}
	}
	if err := r.missing(has, r.Remote, needed...); err != nil {
		return "", false, err
	}
	at, parent := found[0], found[1]
	refused := func(target, why string) (string, bool, error) {
		return "", false, r.failed(target, fmt.Errorf("%w: %s", ErrTarget, why))
	}
	target = r.Remote
	slash := strings.HasSuffix(target, "/")
	switch {
	case at.folder:
		target, at = within, found[2]
	case slash && (!isFolder || !at.missing):
		return refused(target, "there is no such folder")
	case !parent.folder:
		return refused(target, "there is no folder "+path.Dir(slashed(target)))
	}
	switch {
	case isFolder && !at.folder && !at.missing:
		return refused(target, "it is not a folder")
	case !isFolder && at.folder:
		return refused(target, "it is a folder")
	case !isFolder && at.special:
		return "", false, r.failed(target, ErrSpecial)
	}
	return slashed(target), isFolder && at.folder, nil
}

// slashed returns a path without slashes at its end.
func slashed(name string) string {
	return strings.TrimRight(name, "/")
}

// base returns the name that a path gets in a folder.
func base(name string) string {
	if base := path.Base(name); base != ".." && base != "/" {
		return base
	}
	return "."
}

// send fills a stage in the instance.
func (r *copying) send(ctx context.Context, source files.Source, stage, target string) (content files.Content, err error) {
	group, both := errgroup.WithContext(ctx)
	from, to := io.Pipe()
	defer context.AfterFunc(both, func() { _ = from.CloseWithError(context.Cause(both)) })()
	group.Go(func() error {
		words := []string{receiveFolder, stage}
		if info := source.Info; !info.IsDir() {
			words = []string{receiveFile, stage, strconv.FormatUint(uint64(info.Mode().Perm()), 8), strconv.FormatInt(info.ModTime().Unix(), 10)}
		}
		return r.script(both, Streams{In: from, Out: io.Discard}, target, words...)
	})
	group.Go(func() (err error) {
		if source.Info.IsDir() {
			content, err = source.Pack(to, r.Count)
		} else {
			content, err = source.Read(to, r.Count)
		}
		if both.Err() != nil { // the script says why
			return context.Cause(both)
		}
		if err == nil {
			err = to.Close()
		}
		return err
	})
	return content, group.Wait()
}

// place gives the stage in the instance its name.
func (r *copying) place(ctx context.Context, stage, target string, merge bool, content files.Content) error {
	if !merge {
		return r.script(ctx, Streams{Out: io.Discard}, target, put, stage, target)
	}
	var list strings.Builder
	for _, e := range content.Entries {
		if strings.Contains(e.Path, "\n") {
			return r.failed(target, fmt.Errorf("%w: it exists, and %q has a line break", ErrTarget, e.Path))
		}
		fmt.Fprintln(&list, e.Path)
	}
	return r.script(ctx, Streams{In: strings.NewReader(list.String()), Out: io.Discard}, target, putInto, stage, target)
}
