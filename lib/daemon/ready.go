package daemon

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"

	"pidbox/lib/health"
	"pidbox/lib/spawn"
)

// Readiness is a way for a daemon to show that it is ready: NotifySocket, Descriptor or Healthy. It serves one Start.
type Readiness interface {
	open(*spawn.Command) error                             // gives the command what it tells by
	await(ctx context.Context, s *start, post func(event)) // posts until ready, or until ctx is done
	forks() bool                                           // the child may end before, if it leaves the daemon behind
	close()
}

// Descriptor is ready once the daemon writes a line to its descriptor n, as s6 has it. A daemon that closes it without
// that never will be.
func Descriptor(n int) Readiness { return &descriptor{number: n} }

type descriptor struct {
	number      int
	read, write *os.File
}

func (d *descriptor) open(cmd *spawn.Command) (err error) {
	if d.read, d.write, err = os.Pipe(); err != nil {
		return err
	}
	cmd.ExtraFiles = map[int]*os.File{d.number: d.write}
	return syscall.SetNonblock(int(d.write.Fd()), false)
}

func (d *descriptor) await(_ context.Context, _ *start, post func(event)) {
	d.write.Close()
	reader := bufio.NewReader(d.read)
	line, err := reader.ReadSlice('\n')
	for errors.Is(err, bufio.ErrBufferFull) { // only the end of a long one is kept
		line, err = reader.ReadSlice('\n')
	}
	if err == nil {
		post(ready(strings.TrimSpace(string(line))))
		return
	}
	post(notYet(fmt.Sprintf("it closed descriptor %d without a newline", d.number)))
}

func (d *descriptor) forks() bool { return false }

func (d *descriptor) close() {
	if d.read != nil {
		d.read.Close()
		d.write.Close()
	}
}

// Healthy is ready once all checks pass.
func Healthy(checks ...health.Check) Readiness { return healthy(checks) }

type healthy []health.Check

func (healthy) open(*spawn.Command) error { return nil }

func (h healthy) await(ctx context.Context, _ *start, post func(event)) {
	const tryTimeout = 5 * time.Second // as wait-healthy has it
	_, err := health.Until(ctx, h, health.Pace{TryTimeout: tryTimeout}, func(a health.Attempt) {
		if a.Err != nil {
			post(notYet(fmt.Sprintf("%s: %v", a.Check, a.Err)))
		}
	})
	if err == nil {
		post(ready(""))
	}
}

func (healthy) forks() bool { return false }
func (healthy) close()      {}
