//go:build linux

package main

import (
	"runtime"
	"strconv"
	"sync"

	"golang.org/x/sys/unix"
)

// far is an address of the other machine: a network namespace that one thread is in, for good.
const far = "10.9.9.200"

// there does something on the other machine, which gets its end of the wire the first time.
var there = sync.OnceValue(func() func(func() error) error {
	type task struct {
		do   func() error
		done chan error
	}
	tasks := make(chan task)
	tid := make(chan int)
	go func() {
		runtime.LockOSThread()
		err := unix.Unshare(unix.CLONE_NEWNET)
		tid <- unix.Gettid()
		for t := range tasks {
			if err == nil {
				t.done <- t.do()
			} else {
				t.done <- err
			}
		}
	}()
	err := each("ip link set d1 netns " + strconv.Itoa(<-tid))
	return func(do func() error) error {
		if err != nil {
			return err
		}
		t := task{do, make(chan error)}
		tasks <- t
		return <-t.done
	}
})
