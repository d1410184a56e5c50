//go:build !linux

package proc

import (
	"context"
	"errors"
	"math"

	"golang.org/x/sys/unix"
)

func open(pid int) (link, error) { return openBare(pid) }

func fileAt(string) (fileID, bool) { return fileID{}, false }

func reopen(Identity) (link, error) { return nil, errors.ErrUnsupported }

func childEnded(int) bool { return false }

func check(pid int) error { return unix.Kill(pid, 0) }

func exhausted(error) bool { return false }

func room() (int, error) { return math.MaxInt, nil }

func awaitOne(ctx context.Context, handles []*Handle) error { return sleepUntilOne(ctx, handles) }

type guards struct{}

func (*guards) add([]*Handle) {}

func (*guards) release() {}

func (*guards) is(int) bool { return false }
