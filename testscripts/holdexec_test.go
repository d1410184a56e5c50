//go:build linux

package testscripts

import (
	"encoding/binary"
	"flag"
	"os"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// holdexec -until FILE READY PROGRAM: each execve(2) of PROGRAM hangs until FILE exists, as that of a program on a disk that does
// not answer, or before a virus scanner. Each adds a line to READY.asked.
func holdexec() {
	until := flag.String("until", "", "")
	flag.Parse()
	fd, err := unix.FanotifyInit(unix.FAN_CLASS_CONTENT|unix.FAN_CLOEXEC, unix.O_RDONLY)
	if err == nil {
		err = unix.FanotifyMark(fd, unix.FAN_MARK_ADD, unix.FAN_OPEN_EXEC_PERM, unix.AT_FDCWD, flag.Arg(1))
	}
	if err != nil {
		fail(err)
	}
	time.AfterFunc(lifetime, func() { os.Exit(0) }) // which lets all go
	ready(flag.Arg(0))
	for events := make([]byte, 4096); ; {
		n, err := unix.Read(fd, events)
		if err != nil {
			fail(err)
		}
		for at := 0; at < n; {
			event := (*unix.FanotifyEventMetadata)(unsafe.Pointer(&events[at]))
			at += int(event.Event_len)
			appendTo(flag.Arg(0)+".asked", "exec\n")
			go func(asked int32) {
				wait(lifetime, *until)
				answer := binary.NativeEndian.AppendUint32(nil, uint32(asked))
				unix.Write(fd, binary.NativeEndian.AppendUint32(answer, unix.FAN_ALLOW)) // who asked may have been killed
				unix.Close(int(asked))
			}(event.Fd)
		}
	}
}
