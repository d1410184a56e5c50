//go:build linux

package testscripts

import (
	"flag"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// herald [-gap D] [-as FILE] [-blurt] [-fork|-child] [-exit N] MESSAGE...: sends each message to $NOTIFY_SOCKET, as
// sd_notify(3), and waits until it was read (sd_notify_barrier(3)) but with -blurt; \n and %pid in it are replaced. Then it stays, or exits with N.
// With -fork a copy in a session of its own does all that, and it exits with 0; with -child it stays
// until the copy ends.
func herald() {
	gap := flag.Duration("gap", 0, "")
	as := flag.String("as", "", "")
	fork := flag.Bool("fork", false, "")
	child := flag.Bool("child", false, "")
	exit := flag.Int("exit", -1, "")
	blurt := flag.Bool("blurt", false, "")
	flag.Parse()
	if *fork || *child {
		args := append([]string{"-gap", gap.String(), "-as", *as, "-exit", strconv.Itoa(*exit), "--"}, flag.Args()...)
		cmd := exec.Command("herald", args...)
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		if err := cmd.Start(); err != nil {
			fail(err)
		}
		if *fork {
			os.Exit(0)
		}
		cmd.Wait()
		os.Exit(0)
	}
	ready(*as)
	for _, text := range flag.Args() {
		text = strings.NewReplacer(`\n`, "\n", "%pid", strconv.Itoa(os.Getpid())).Replace(text)
		if err := proclaim(text, !*blurt); err != nil {
			fail(err)
		}
		time.Sleep(*gap)
	}
	if *exit >= 0 {
		os.Exit(*exit)
	}
	wait(lifetime, "")
}

// proclaim sends a message, and a barrier after it if it is to wait.
func proclaim(text string, wait bool) error {
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: os.Getenv("NOTIFY_SOCKET"), Net: "unixgram"})
	if err != nil {
		return err
	}
	defer conn.Close()
	read, write, err := os.Pipe()
	if err != nil {
		return err
	}
	defer read.Close()
	if _, err := fmt.Fprint(conn, text); err != nil || !wait {
		return err
	}
	raw, err := conn.SyscallConn()
	if err != nil {
		return err
	}
	raw.Write(func(fd uintptr) bool { // nobody is left to read it after READY=1
		return unix.Sendmsg(int(fd), []byte("BARRIER=1"), unix.UnixRights(int(write.Fd())), nil, 0) != unix.EAGAIN
	})
	write.Close()
	read.SetReadDeadline(time.Now().Add(5 * time.Second)) // a caller that is not there any more never reads it
	read.Read(make([]byte, 1))
	return nil
}
