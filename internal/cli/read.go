package cli

import (
	"errors"
	"io"
	"io/fs"
	"os"

	"github.com/pscdev/psc/internal/fault"
)

// read reads a file, or stdin for "-", which can be read once. What has more than limit bytes is refused.
func (a *app) read(path string, limit int64) ([]byte, error) {
	in := a.In
	switch {
	case path != "-":
		f, err := os.Open(path)
		if err != nil {
			return nil, fault.Wrap(fault.Usage, err)
		}
		defer func() { _ = f.Close() }() // it was only read
		in = f
	case a.stdinRead:
		return nil, fault.New(fault.Usage, "stdin is named twice, and can be read once")
	default:
		a.stdinRead = true
	}
	data, err := io.ReadAll(io.LimitReader(in, limit+1))
	var broken *fs.PathError
	switch {
	case errors.As(err, &broken): // a folder, say
		return nil, fault.Wrap(fault.Usage, err)
	case err == nil && int64(len(data)) > limit:
		return nil, fault.New(fault.Usage, "%s has more than %d bytes", path, limit)
	}
	return data, err
}
