//go:build !pidbox_some || applet_chpst

package applets

import (
	"fmt"
	"strconv"

	"pidbox/lib/applet"
	"pidbox/lib/spawn"
)

// chpstCall is what a command line of chpst or one of its aliases asks for.
type chpstCall struct {
	as                        string // the name that it was called by
	user, envUser             string
	argv0, envDir, root, dir  string
	nice                      string
	lock                      string
	noWait, silent            bool // give up at once where it is locked; and without a word, with status 0
	limits                    []spawn.Limit
	session, verbose, version bool
	named                     bool // -b was given
	shut                      []int
}

// chpstOptions are those of chpst itself.
func (o *chpstCall) chpstOptions() []applet.Option {
	return []applet.Option{
		applet.Verbatim(&o.user, "u", "[:]USER[:GROUP...]", "become this user, by name, or by numbers behind a colon; all other groups are dropped").As(applet.User),
		applet.Verbatim(&o.envUser, "U", "[:]USER[:GROUP]", "set UID and GID to those of this user").As(applet.User),
		applet.Set("b", "NAME", "run COMMAND with NAME as its argument zero", func(s string) error { o.argv0, o.named = s, true; return nil }),
		applet.Verbatim(&o.envDir, "e", "DIR", "set a variable for each file in DIR, to its first line; an empty file takes it away").As(applet.Dir),
		applet.Verbatim(&o.root, "/", "DIR", "make DIR the root directory").As(applet.Dir),
		applet.Verbatim(&o.dir, "C", "DIR", "change to DIR, after -/").As(applet.Dir),
		applet.Set("n", "N", "add N to the nice value", func(s string) error {
			if _, err := strconv.Atoi(s); err != nil {
				return fmt.Errorf("-n: %q is not a number", s)
			}
			o.nice = s
			return nil
		}),
		applet.Verbatim(&o.lock, "l", "FILE", "lock FILE, and wait for that").As(applet.File),
		applet.Set("L", "FILE", "lock FILE, or fail if it is locked", func(s string) error { o.lock, o.noWait = s, true; return nil }).As(applet.File),
		o.limit("m", "BYTES", "limit data, stack, locked memory and address space", "data", "stack", "memlock", "as"),
		o.limit("d", "BYTES", "limit the data segment", "data"),
		o.limit("o", "N", "limit open files", "nofile"),
		o.limit("p", "N", "limit the processes of the user", "nproc"),
		o.limit("f", "BYTES", "limit the size of files", "fsize"),
		o.limit("c", "BYTES", "limit the size of core files", "core"),
		o.limit("r", "BYTES", "limit resident memory", "rss"),
		o.limit("t", "SECONDS", "limit CPU time", "cpu"),
		applet.Switch(&o.session, "P", "run COMMAND in a session of its own"),
		o.close("0", "standard input", 0),
		o.close("1", "standard output", 1),
		o.close("2", "standard error", 2),
		applet.Switch(&o.verbose, "v", "accepted; there is nothing more to say"),
		applet.Switch(&o.version, "V", "print the version on standard error, and exit with 100"),
	}
}

// softlimitOptions are those of softlimit, in which some letters are other limits.
func (o *chpstCall) softlimitOptions() []applet.Option {
	return []applet.Option{
		o.limit("a", "BYTES", "", "as"), o.limit("c", "BYTES", "", "core"), o.limit("d", "BYTES", "", "data"),
		o.limit("f", "BYTES", "", "fsize"), o.limit("l", "BYTES", "", "memlock"),
		o.limit("m", "BYTES", "", "data", "stack", "memlock", "as"), o.limit("o", "N", "", "nofile"),
		o.limit("p", "N", "", "nproc"), o.limit("r", "BYTES", "", "rss"), o.limit("s", "BYTES", "", "stack"),
		o.limit("t", "SECONDS", "", "cpu"),
	}
}

func (o *chpstCall) setlockOptions() []applet.Option {
	on := func(to *bool, value bool) func(string) error { return func(string) error { *to = value; return nil } }
	return []applet.Option{
		applet.Set("n", "", "", on(&o.noWait, true)), applet.Set("N", "", "", on(&o.noWait, false)),
		applet.Set("x", "", "", on(&o.silent, true)), applet.Set("X", "", "", on(&o.silent, false)),
	}
}

// limit is a soft limit, as far as the hard one allows; to softlimit, = stands for that.
func (o *chpstCall) limit(letter, arg, text string, names ...string) applet.Option {
	return applet.Set(letter, arg, text, func(s string) error {
		n := spawn.Unlimited
		if s != "=" || o.as != "softlimit" {
			var err error
			if n, err = strconv.ParseUint(s, 10, 63); err != nil {
				return fmt.Errorf("-%s: %q is not a number", letter, s)
			}
		}
		for _, name := range names {
			o.limits = append(o.limits, spawn.Limit{Name: name, Soft: &n, Lenient: true})
		}
		return nil
	})
}

func (o *chpstCall) close(letter, what string, fd int) applet.Option {
	return applet.Set(letter, "", "close "+what, func(string) error { o.shut = append(o.shut, fd); return nil })
}

// chpstForm is an alias: its own options, the operands before COMMAND, and its usage.
type chpstForm struct {
	name, usage string
	options     func(*chpstCall) []applet.Option
	operand     func(*chpstCall) *string // nil: none
}

func chpstForms() []chpstForm {
	return []chpstForm{
		{name: "chpst", options: (*chpstCall).chpstOptions,
			usage: "[-vVP012] [-u user[:group]] [-U user[:group]] [-b argv0] [-e dir] [-/ root] [-C dir] [-n nice] [-l|-L lock] " +
				"[-m n] [-d n] [-o n] [-p n] [-f n] [-c n] [-r n] [-t n] prog"},
		{name: "envdir", usage: "dir child", operand: func(o *chpstCall) *string { return &o.envDir }},
		{name: "envuidgid", usage: "account child", operand: func(o *chpstCall) *string { return &o.envUser }},
		{name: "setlock", usage: "[ -nNxX ] file program [ arg ... ]", options: (*chpstCall).setlockOptions,
			operand: func(o *chpstCall) *string { return &o.lock }},
		{name: "setuidgid", usage: "account child", operand: func(o *chpstCall) *string { return &o.user }},
		{name: "softlimit", options: (*chpstCall).softlimitOptions,
			usage: "[-a allbytes] [-c corebytes] [-d databytes] [-f filebytes] [-l lockbytes] [-m membytes] [-o openfiles] " +
				"[-p processes] [-r residentbytes] [-s stackbytes] [-t cpusecs] child"},
	}
}
