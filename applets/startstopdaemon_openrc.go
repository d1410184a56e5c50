//go:build !pidbox_some || applet_start_stop_daemon

package applets

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"pidbox/lib/applet"
	"pidbox/lib/child"
	"pidbox/lib/daemon"
	"pidbox/lib/signals"
	"pidbox/lib/spawn"
)

// defaults are what a dialect takes from what was not said. In BusyBox's, argument zero alone is the program of a start. In OpenRC's, a
// signal alone is a stop, nothing a start, and the program may be the first operand.
func (o *ssd) defaults(c *applet.Call) {
	if o.dialect.name == "busybox" && o.exec == "" && o.action == "start" {
		o.exec = o.startas
	}
	if o.dialect.name != "openrc" {
		return
	}
	if o.action == "" {
		if o.action = "start"; o.signal != "" {
			o.action, o.oknodo = "stop", true
		}
	}
	switch {
	case o.exec == "" && o.startas != "":
		o.exec, o.startas = o.startas, ""
	case o.exec == "" && len(c.Args) > 0:
		o.exec, c.Args = c.Args[0], c.Args[1:]
	}
	if o.exec != "" && o.name != "" { // which is argument zero there, and what the search goes by is the file
		o.startas = ""
	}
	o.configured()
	o.exec, o.dir, o.root = o.atHome(o.exec), o.atHome(o.dir), o.atHome(o.root)
}

// values are OpenRC's own options, made numbers; of BusyBox's there is one that the others read as atoi(3) does.
func (o *ssd) values() (err error) {
	if o.dialect.name == "busybox" && o.given("nicelevel") {
		if _, err := strconv.Atoi(o.nice); err != nil {
			return fmt.Errorf("invalid number '%s'", o.nice)
		}
	}
	if o.dialect.name != "openrc" {
		return nil
	}
	p := &o.plan
	for _, v := range []struct {
		what, text  string
		least, most int
		set         func(int)
	}{
		{"oom-score-adj", o.oom, -1000, 1000, func(n int) { p.oom = &n }},
		{"nice level", o.nice, -20, 19, func(int) {}},
		{"wait", o.wait, 0, 1<<31 - 1, func(n int) { p.wait = time.Duration(n) * time.Millisecond }},
		{"secbits", o.secbits, 0, 0xff, func(n int) { p.secbits = &n }},
	} {
		if v.text == "" {
			continue
		}
		n, err := strconv.ParseInt(v.text, 0, 64)
		if err != nil || int(n) < v.least || int(n) > v.most {
			return fmt.Errorf("invalid %s `%s'", v.what, v.text)
		}
		v.set(int(n))
	}
	if o.capabilities != "" {
		list := strings.NewReplacer("^", "", "%", "").Replace(o.capabilities)
		if p.caps, err = spawn.ParseCapabilities(list); err != nil {
			return fmt.Errorf("could not parse capabilities: %w", err)
		}
	}
	if o.action == "stop" && p.schedule == nil && !o.oknodo && !o.test {
		p.schedule = signals.Schedule{{Signal: p.signal, Wait: 5 * time.Second}}
	}
	if o.io != "" && p.io == nil {
		if err := o.ioScheduler(o.io); err != nil {
			return err
		}
	}
	if o.priority != "" && o.procsched == "" {
		return o.scheduler("other")
	}
	return nil
}

// descriptors are those that a daemon gets beside its logs: what --no-close leaves open, and OpenRC's loggers.
func (o *ssd) descriptors(c *applet.Call, order *daemon.Order) (close func(), err error) {
	var files []*os.File
	closeAll := func() {
		for _, f := range files {
			f.Close()
		}
	}
	if o.noClose {
		std, others, done, err := spawn.Inherited()
		if err != nil {
			return done, err
		}
		order.Command.Stdin, order.Command.Stdout, order.Command.Stderr = std[0], std[1], std[2]
		order.Command.ExtraFiles = others
		return done, nil
	}
	if o.stdin != "" {
		f, err := os.Open(o.stdin)
		if err != nil {
			return closeAll, fmt.Errorf("unable to open the input `%s': %w", o.stdin, spawn.Words(err))
		}
		files, order.Command.Stdin = append(files, f), f
	}
	for command, to := range map[*string]**os.File{&o.outLogger: &order.Command.Stdout, &o.errLogger: &order.Command.Stderr} {
		if *command == "" {
			continue
		}
		r, w, err := os.Pipe()
		if err != nil {
			return closeAll, err
		}
		files, *to = append(files, r, w), w
		p, err := spawn.Detach(context.Background(), spawn.Command{Path: "/bin/sh", Args: []string{"sh", "-c", *command}, Env: os.Environ(), Dir: "/", Stdin: r})
		if err == nil {
			err = p.Go()
		}
		if err != nil {
			return closeAll, fmt.Errorf("unable to start the logger `%s': %w", *command, err)
		}
		p.Close()
	}
	how, value, _ := strings.Cut(o.notify, ":")
	switch number, err := strconv.Atoi(value); {
	case o.notify == "":
	case how == "fd" && err == nil && number >= 3:
		order.Want.Descriptor = number
	case how == "socket" && value == "ready":
		order.Want.Notify = true
	default:
		return closeAll, wrong("invalid readiness mechanism `%s'", o.notify)
	}
	return closeAll, nil
}

// foreground is OpenRC's start without --background: the program goes to the background by itself, and this is how it
// did.
func (o *ssd) foreground(c *applet.Call, cmd *spawn.Command) error {
	std, _, done, err := spawn.Inherited()
	if err != nil {
		return err
	}
	defer done()
	cmd.Stdin, cmd.Stdout, cmd.Stderr = std[0], std[1], std[2]
	spec := child.Spec{Session: true}
	if o.make {
		spec.PIDFile, spec.Rules = o.pidfile, o.claiming()
	}
	p, err := child.Start(context.Background(), *cmd, spec)
	if err != nil {
		return o.started(c, err)
	}
	defer p.Close()
	if end, err := p.Reap(); err != nil || end != (spawn.Ending{}) {
		return fmt.Errorf("failed to start `%s' (%s)", o.exec, end)
	}
	if o.plan.wait == 0 {
		return nil
	}
	time.Sleep(o.plan.wait) // the contract of --wait: it has to run after that
	found, err := o.find()
	if err != nil {
		return err
	}
	defer found.close()
	if len(found.PIDs()) == 0 {
		return fmt.Errorf("%s died", o.exec)
	}
	return nil
}
