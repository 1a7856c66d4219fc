// Package fault adds an exit code, a hint and details to an error. Scripts branch on the exit code, the hint is the next step,
// and each detail is one problem.
package fault

import (
	"errors"
	"fmt"
)

// Code is an exit code. Scripts depend on these numbers: they never change.
type Code int

// The exit codes.
const (
	Failed      Code = 1
	Usage       Code = 2   // wrong usage or invalid resources
	Differences Code = 3   // differences were found, and the command was asked to report them
	Denied      Code = 4   // not signed in, or not allowed
	Conflict    Code = 5   // someone else is deploying, or has changed the same fields
	Pending     Code = 8   // still pending at the timeout
	Interrupted Code = 130 // by Ctrl-C
	Terminated  Code = 143 // by SIGTERM
)

// Word is the name of the code in the JSON form of an error.
func (c Code) Word() string {
	switch c {
	case Usage:
		return "usage"
	case Differences:
		return "differences"
	case Denied:
		return "denied"
	case Conflict:
		return "conflict"
	case Pending:
		return "pending"
	case Interrupted:
		return "interrupted"
	case Terminated:
		return "terminated"
	case Failed:
	}
	return "failed"
}

// Detail is one problem and its place. File and Line are empty if they are not known.
type Detail struct {
	File    string `json:"file,omitempty"`
	Line    int    `json:"line,omitempty"`
	Path    string `json:"path"`
	Message string `json:"message"`
}

// Quote is the last lines of a log.
type Quote struct {
	From  string
	Lines []string
}

// Error is an error with its exit code, and a hint and details where there are any.
type Error struct {
	Code    Code
	Err     error
	Hint    string // a command to paste, or one fact
	Details []Detail
	// Quotes are the last lines of logs that may explain the error, for people only.
	Quotes []Quote
	// Silent errors only set the exit code: everything was printed already.
	Silent bool
}

// Error implements error.
func (e *Error) Error() string { return e.Err.Error() }

// Unwrap returns the error without its code.
func (e *Error) Unwrap() error { return e.Err }

// New returns an error with a code; format is as in fmt.Errorf.
func New(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Err: fmt.Errorf(format, args...)}
}

// Wrap adds a code to err. It returns nil for nil.
func Wrap(code Code, err error) error {
	if err == nil {
		return nil
	}
	return &Error{Code: code, Err: err}
}

// WithHint sets the hint; format is as in fmt.Sprintf.
func (e *Error) WithHint(format string, args ...any) *Error {
	e.Hint = fmt.Sprintf(format, args...)
	return e
}

// Of returns the outermost code, hint, details and quotes of err's chain. The code is Failed when the chain has none.
func Of(err error) Error {
	out := Error{Err: err}
	for rest := err; rest != nil; {
		var e *Error
		if !errors.As(rest, &e) {
			break
		}
		if out.Code == 0 {
			out.Code = e.Code
		}
		if out.Hint == "" {
			out.Hint = e.Hint
		}
		if out.Details == nil {
			out.Details = e.Details
		}
		if out.Quotes == nil {
			out.Quotes = e.Quotes
		}
		out.Silent = out.Silent || e.Silent
		rest = e.Err
	}
	if out.Code == 0 {
		out.Code = Failed
	}
	return out
}
