//go:build !linux

package cgroup

import (
	"context"
	"syscall"

	"pidbox/lib/proc"
)

func Make(string) (*Group, error)             { return nil, none("this is not Linux") }
func makeEither(string, bool) (*Group, error) { return nil, none("this is not Linux") }
func MakeKillable(string) (*Group, error)     { return nil, none("this is not Linux") }
func Open(string) (*Group, error)             { return nil, none("this is not Linux") }
func Of(int, bool) (*Group, error)            { return nil, none("this is not Linux") }
func (g *Group) Add(int) error                { return none("this is not Linux") }
func (g *Group) Remove() error                { return none("this is not Linux") }
func (g *Group) PIDs() ([]int, error)         { return nil, none("this is not Linux") }
func (g *Group) Populated() (bool, error)     { return false, none("this is not Linux") }
func (g *Group) Frozen() (bool, error)        { return false, none("this is not Linux") }
func (g *Group) Freeze(context.Context) error { return none("this is not Linux") }
func (g *Group) Thaw() error                  { return none("this is not Linux") }
func (g *Group) Resume() error                { return none("this is not Linux") }
func (g *Group) Signal(syscall.Signal) error  { return none("this is not Linux") }
func (g *Group) each(syscall.Signal, proc.Allow) (map[int]error, error) {
	return nil, none("this is not Linux")
}
func (g *Group) Holds(int) bool             { return false }
func (g *Group) Wait(context.Context) error { return none("this is not Linux") }

// OOM is of Linux.
type OOM struct{}

func WatchOOM(*proc.Handle) *OOM { return nil }
func (*OOM) Killed() bool        { return false }
func (*OOM) Close()              {}
