package instance

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/pscdev/psc/internal/files"
	"github.com/pscdev/psc/pkg/report"
)

// The reasons of a CopyError, beside what a program in the instance said.
var (
	ErrNoPath  = errors.New("there is no such file or folder, or the app may not look there")
	ErrSpecial = errors.New("it is neither a file nor a folder")
	ErrTarget  = files.ErrTarget
	ErrDiffers = errors.New("the copy differs from the source, and was not put in place: it changed during the copy, or was damaged on the way")
)

// ProgramsError is the reason for programs that a copy needs and the image does not have.
type ProgramsError struct{ Programs []string }

// Error implements error.
func (e *ProgramsError) Error() string {
	return "the image does not have " + strings.Join(e.Programs, ", ")
}

// CopyError is the error for a path in an instance that could not be copied from or to.
type CopyError struct {
	Instance, Path string
	// Err wraps one of the reasons above, or is what a program in the instance said.
	Err error
}

// Error implements error.
func (e *CopyError) Error() string { return fmt.Sprintf("%s:%s: %v", e.Instance, e.Path, e.Err) }

// Unwrap returns the reason.
func (e *CopyError) Unwrap() error { return e.Err }

// Copy is a copy between this machine and an instance.
type Copy struct {
	// Name is that of an app or an instance, and Container one of its containers, which is empty for the one of the app.
	Name, Container string
	// Remote is the path in the instance, and Local the one on this machine.
	Remote, Local string
	// Chosen is called with the instance, and Count with the bytes of files as they are copied.
	Chosen func(Instance)
	Count  func(int)
}

// Download copies a file or a folder of an instance to this machine, as cp -r does. Nothing has its final name before it is
// complete. Its errors are those of Exec, a *CopyError, or about this machine.
func (in *Instances) Download(ctx context.Context, c Copy) (report.Copied, error) {
	return in.copying(ctx, c, (*copying).download)
}

// Upload copies a file or a folder of this machine to an instance; the rest is as for Download.
func (in *Instances) Upload(ctx context.Context, c Copy) (report.Copied, error) {
	source, err := files.Open(c.Local)
	if err != nil {
		return report.Copied{}, err
	}
	return in.copying(ctx, c, func(r *copying, ctx context.Context) (report.Copied, error) { return r.upload(ctx, source) })
}

func (in *Instances) copying(ctx context.Context, c Copy, run func(*copying, context.Context) (report.Copied, error)) (done report.Copied, err error) {
	err = in.using(ctx, c.Name, "", func(i Instance) error {
		container, err := i.container(c.Container)
		if err != nil {
			return err
		}
		c.Chosen(i)
		r := &copying{Copy: c, process: process{in: in, instance: i, container: container}}
		if !path.IsAbs(r.Remote) { // no program may take it for an option
			r.Remote = "./" + r.Remote
		}
		done, err = run(r, ctx)
		done.Instance = i.Name
		if failed := (*CopyError)(nil); errors.As(err, &failed) {
			return err
		}
		if errors.Is(err, ErrBroken) {
			return r.failed(r.Remote, err)
		}
		return r.named(err)
	})
	return done, err
}

// copying is a copy from or to a container.
type copying struct {
	Copy
	process
}

func (r *copying) download(ctx context.Context) (report.Copied, error) {
	has, found, err := r.look(ctx, r.Remote)
	if err != nil {
		return report.Copied{}, err
	}
	source := found[0]
	switch {
	case source.missing:
		return report.Copied{}, r.failed(r.Remote, ErrNoPath)
	case source.special:
		return report.Copied{}, r.failed(r.Remote, ErrSpecial)
	}
	needed := "cat"
	if source.folder {
		needed = "tar"
	}
	if err := r.missing(has, r.Remote, needed); err != nil {
		return report.Copied{}, err
	}
	target, err := files.To(r.Local, base(r.Remote), source.folder)
	if err != nil {
		return report.Copied{}, err
	}
	stage, err := target.Stage()
	if err != nil {
		return report.Copied{}, err
	}
	defer stage.Discard()
	script, fill := sendFolder, func(in io.Reader) (files.Content, error) { return stage.Unpack(in, r.Count) }
	if !source.folder {
		e := files.Entry{Path: path.Base(r.Remote), Mode: source.mode, Time: source.time}
		script, fill = sendFile, func(in io.Reader) (files.Content, error) { return stage.Write(in, e, r.Count) }
	}
	content, err := r.receive(ctx, script, fill)
	if err != nil {
		return report.Copied{}, err
	}
	folder := r.Remote
	if !source.folder {
		folder = path.Dir(r.Remote)
	}
	checksum, err := r.compare(ctx, folder, r.Remote, content)
	if err != nil {
		return report.Copied{}, err
	}
	return r.report(r.shown(r.Remote), target.Path, checksum, content), stage.Place()
}

// receive runs a script that writes the source, and fills the stage with it.
func (r *copying) receive(ctx context.Context, script string, fill func(io.Reader) (files.Content, error)) (content files.Content, err error) {
	group, both := errgroup.WithContext(ctx)
	from, to := io.Pipe()
	defer context.AfterFunc(both, func() { _ = from.CloseWithError(context.Cause(both)) })()
	group.Go(func() error {
		err := r.script(both, Streams{Out: to}, r.Remote, script, r.Remote)
		if err == nil {
			err = to.Close()
		}
		return err
	})
	group.Go(func() (err error) {
		if content, err = fill(from); both.Err() != nil {
			return context.Cause(both)
		}
		return err
	})
	return content, group.Wait()
}
