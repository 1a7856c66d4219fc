package kube

import (
	"io"
	"testing"
	"testing/synctest"
	"time"
)

func TestFlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var flow Flow
		out, in := io.Pipe()
		to := flow.Through(in)
		over := flow.Ended(t.Context(), 5*time.Second)
		closed := func() bool {
			synctest.Wait()
			select {
			case <-over:
				return true
			default:
				return false
			}
		}
		go func() { _, _ = io.WriteString(to, "x") }()
		time.Sleep(time.Hour)
		if closed() {
			t.Fatal("Ended while a write waits for a slow reader")
		}
		if _, err := io.ReadFull(out, make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(4 * time.Second)
		if closed() {
			t.Fatal("Ended too early after a write")
		}
		time.Sleep(6 * time.Second) // it looks every 5 seconds
		if !closed() {
			t.Fatal("not Ended although nothing was written for a time")
		}
	})
}
