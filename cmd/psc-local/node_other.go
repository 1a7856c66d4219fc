//go:build !linux

package main

import (
	"context"
	"errors"
	"os"
)

const nodeDir = ""

func whyNotReal() string { return "real nodes need Linux" }

func superviseNode(context.Context, cluster, plan, *os.File, *os.File) error {
	return errors.New("a real node needs Linux")
}

func runNode(context.Context, cluster) error { return errors.New("a real node needs Linux") }

func writeNodeConfig(cluster, plan) error { return nil }

func removeCgroup(string) error { return nil }
