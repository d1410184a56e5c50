package multicall

import (
	"fmt"
	"os"

	"pidbox/lib/applet"
)

// Self describes the binary under its own name, whose applets are list.
func Self(list []applet.Entry) *applet.Applet {
	list = applet.In(list)
	var names, install, hard, dropIns bool
	return &applet.Applet{
		Name:     "pidbox",
		Summary:  "one binary, many applets, each doing one part of a process's life correctly",
		Synopsis: []string{"APPLET [ARG...]", "--list [--drop-ins]", "--install [--hard] [--drop-ins] DIR"},
		Description: `
			pidbox is the binary behind every applet.
			Called by the name of an applet, through a link, it is that applet.
			Called by any other name, it takes the applet's name from its first argument.

			'pidbox help APPLET' and 'pidbox APPLET --help' are the same as 'APPLET --help'.

			A build can be of some applets only; --list prints those that are in it.
			The package pidbox-core is without wait-healthy, fault-agent and fault-tester, and checks health by tcp, unix, file and exec only.
		`,
		Commands: commands(list),
		Options: []applet.Option{
			applet.Switch(&names, "list", "print the names of the applets, one per line, without the drop-ins"),
			applet.Switch(&install, "install",
				"make a link for each applet but the drop-ins in DIR; a file that is not a link to pidbox is left alone and reported"),
			applet.Switch(&hard, "hard", "with --install, make hard links instead of symbolic ones"),
			applet.Switch(&dropIns, "drop-ins", "with --install or --list, include those that have the name of another program"),
		},
		Exclusive: [][]string{{"list", "install"}},
		Requires:  []applet.Need{{Option: "hard", OneOf: []string{"install"}}, {Option: "drop-ins", OneOf: []string{"install", "list"}}},
		Statuses: []applet.Item{
			{Name: "0", Text: "done"},
			{Name: "1", Text: "--install: a file that is not a link to pidbox was left alone"},
			{Name: "4", Text: "--install: no permission to write in DIR"},
			{Name: "64", Text: "usage"},
			{Name: "125", Text: "own failure (I/O)"},
			{Name: "127", Text: "unknown applet"},
		},
		Files: []applet.Item{{Name: "/usr/local/bin/pidbox", Text: "the binary, and beside it a link for each applet"}},
		Examples: []applet.Example{
			{Text: "Link all applets beside the binary, and list them:", Lines: []string{
				"pidbox --install /usr/local/bin",
				"pidbox --list",
			}},
		},
		Caveats: `
			--install replaces links to pidbox, also to an older one, and nothing else.
			Each link is made under a temporary name and renamed, so that no name is missing at any time.

			An applet that TERM, INT, HUP or QUIT interrupts undoes what it had begun and dies of that signal, so that a shell sees
			status 128+n; as PID 1 of a container it exits with that status.

			Where there is no memory or no thread left, the Go runtime ends any applet with a trace and status 2.
		`,
		SeeAlso: append(pages(list), "pidbox-json(5)", "pidbox-pidfile(7)", "pidbox-syntax(7)"),
		Run: func(call *applet.Call) error {
			switch {
			case install && len(call.Args) == 1:
				return installLinks(call, call.Args[0], hard, dropIns, list)
			case install && len(call.Args) == 0:
				return applet.Usage("--install takes a directory, for example /usr/local/bin")
			case install:
				return applet.Usage("unexpected operand %q: --install takes one directory, and that is %s", call.Args[1], call.Args[0])
			case !names:
				return applet.Usage("no applet given")
			}
			if err := call.NoOperands(); err != nil {
				return err
			}
			for _, name := range offered(list, dropIns) {
				if _, err := fmt.Fprintln(call.Stdout, name); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

// offered are the names of the applets, those of other programs only if asked for.
func offered(list []applet.Entry, dropIns bool) (names []string) {
	for _, e := range list {
		if !e.DropIn || dropIns {
			names = append(append(names, e.Name), e.Also...)
		}
	}
	return names
}

func commands(list []applet.Entry) []applet.Item {
	var all []applet.Item
	for _, e := range list {
		all = append(all, applet.Item{Name: e.Name, Text: e.New().Summary})
	}
	return all
}

// pages are the manual pages of the applets.
func pages(list []applet.Entry) []string {
	var all []string
	for _, e := range list {
		all = append(all, e.Name+"(1)")
	}
	return all
}

func installLinks(call *applet.Call, dir string, hard, dropIns bool, list []applet.Entry) error {
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this binary: %w", err)
	}
	left := 0
	for _, name := range offered(list, dropIns) {
		did, err := link(self, dir, name, hard)
		if err != nil {
			return err
		}
		if did == leftAlone {
			left++
			call.Say("left %s/%s: it is not a link to pidbox", dir, name)
			continue
		}
		call.Tell("%s %s/%s", did, dir, name)
	}
	if left > 0 {
		return applet.Exit(applet.No)
	}
	return nil
}
