//go:build linux

package testscripts

import (
	"os"

	"pidbox/applets"
	"pidbox/lib/multicall"
)

// pidbox is the program under test: what main calls.
func pidbox() int {
	return multicall.Main(os.Args, os.Stdin, os.Stdout, os.Stderr, applets.List(), applets.Status, applets.Foreign)
}

func appletNames() (names []string) {
	for _, entry := range applets.List() {
		names = append(names, entry.Name)
	}
	return names
}

// aliases are the further names that applets have.
func aliases() (names []string) {
	for _, entry := range applets.List() {
		names = append(names, entry.Also...)
	}
	return names
}

// isDropIn says that the applet has the name of another program.
func isDropIn(name string) bool {
	for _, entry := range applets.List() {
		if entry.Name == name {
			return entry.DropIn
		}
	}
	return false
}
