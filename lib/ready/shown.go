package ready

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

func (c *Course) pipe(cmd *spawn.Command) (err error) {
	if c.read, c.write, err = os.Pipe(); err != nil {
		return err
	}
	files := map[int]*os.File{c.want.Descriptor: c.write}
	for number, file := range cmd.ExtraFiles { // of the caller's
		files[number] = file
	}
	cmd.ExtraFiles = files
	return syscall.SetNonblock(int(c.write.Fd()), false)
}

// await reads the line. A process that closes the descriptor by its end is for its owner to tell.
func (c *Course) await() {
	const closing = time.Second // a process closes its files before it is seen to have ended
	reader := bufio.NewReader(c.read)
	line, err := reader.ReadSlice('\n')
	for errors.Is(err, bufio.ErrBufferFull) { // only the end of a long one is kept
		line, err = reader.ReadSlice('\n')
	}
	if err == nil {
		c.hand(signal{ready: true, text: strings.TrimSpace(string(line))})
		return
	}
	select {
	case <-c.of.Done():
	case <-c.closed:
	case <-time.After(closing):
		c.hand(signal{never: true, text: fmt.Sprintf("it closed descriptor %d without a newline", c.want.Descriptor)})
	}
}

// ask runs the health checks.
func (c *Course) ask(ctx context.Context) {
	const tryTimeout = 5 * time.Second // as wait-healthy has it
	checks := c.want.Checks
	if !c.want.Shared {
		checks = health.OwnedAll(checks, health.Owner{Leader: c.of.Identity().PID, Members: c.of.Members})
	}
	_, err := health.Until(ctx, checks, health.Pace{TryTimeout: tryTimeout}, func(a health.Attempt) {
		if a.Err != nil {
			c.hand(signal{text: fmt.Sprintf("%s: %v", a.Check, a.Err)})
		}
	})
	if err == nil {
		c.hand(signal{ready: true})
	}
}
