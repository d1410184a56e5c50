//go:build !linux

package signals

import "syscall"

const byDefault = 0

func dispose(syscall.Signal, uintptr) {} // the runtime raises a signal that it was told to reset

func raise(s syscall.Signal) { _ = syscall.Kill(syscall.Getpid(), s) }

func ignores(syscall.Signal) bool { return false }

// QuitAsUsual does nothing outside Linux: there QUIT prints the program's stacks.
func QuitAsUsual() {}
