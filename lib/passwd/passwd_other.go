//go:build !linux

package passwd

import (
	"errors"
	"io/fs"
	"os/user"
)

// ByName finds a user; else ErrUnknown, or why that cannot be found out.
func ByName(name string) (*User, error) { return entry(user.Lookup(name)) }

// ByID is ByName by the number.
func ByID(id string) (*User, error) { return entry(user.LookupId(id)) }

func entry(u *user.User, err error) (*User, error) {
	if err != nil {
		return nil, known(err)
	}
	return &User{Name: u.Username, UID: u.Uid, GID: u.Gid, Home: u.HomeDir}, nil
}

// GroupID is the number of a group, under the terms of ByName.
func GroupID(name string) (string, error) {
	g, err := user.LookupGroup(name)
	if err != nil {
		return "", known(err)
	}
	return g.Gid, nil
}

// Groups are the numbers of the groups of a user, his own first.
func (u *User) Groups() ([]string, error) {
	return (&user.User{Uid: u.UID, Gid: u.GID, Username: u.Name, HomeDir: u.Home}).GroupIds()
}

func known(err error) error {
	var name user.UnknownUserError
	var id user.UnknownUserIdError
	var group user.UnknownGroupError
	if errors.As(err, &name) || errors.As(err, &id) || errors.As(err, &group) || errors.Is(err, fs.ErrNotExist) {
		return ErrUnknown
	}
	return err
}
