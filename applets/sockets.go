package applets

import (
	"pidbox/lib/applet"
	"pidbox/lib/sockets"
)

// givenOption is --listen-fds.
func givenOption(to *bool) applet.Option {
	return applet.Switch(to, "listen-fds", "pass on to COMMAND the sockets that LISTEN_FDS says were given to us, as by systemd; see sd_listen_fds(3)")
}

// given are the sockets that the option asks for.
func given(wanted bool, option string) (sockets.Set, error) {
	if !wanted {
		return nil, nil
	}
	all, err := sockets.Inherited()
	if err != nil {
		return nil, applet.Fail(applet.Unsafe, "%s: %w", option, err)
	}
	if len(all) == 0 {
		return nil, applet.Fail(applet.Unsafe, "%s: LISTEN_FDS gives no sockets", option)
	}
	return all, nil
}
