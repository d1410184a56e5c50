package supervise

import (
	"slices"

	"pidbox/lib/child"
	"pidbox/lib/resolve"
	"pidbox/lib/sockets"
)

// open are the sockets that are open.
func (s *Service) open() sockets.Set {
	return slices.DeleteFunc(slices.Clone(s.sockets), func(one *sockets.Socket) bool { return one == nil })
}

func (s *Service) socketPolicy() resolve.Policy {
	p := resolve.Policy{Insecure: s.Rules.AllowInsecure, Trust: s.Rules.Trust}
	if user := s.program.command.User; user != nil {
		p.Trust = append(slices.Clip(p.Trust), user.UID)
	}
	return p
}

// listen opens those that are not open.
func (s *Service) listen() error {
	if s.sockets == nil {
		s.sockets = make([]*sockets.Socket, len(s.program.of.Listen))
	}
	for i, a := range s.program.of.Listen {
		if s.sockets[i] != nil {
			continue
		}
		one, err := sockets.Listen(a, s.socketPolicy())
		if err != nil {
			return err
		}
		s.sockets[i] = one
	}
	return nil
}

// takeBack takes the sockets from a child that was adopted, which has had them from an earlier supervisor. One that it has
// closed is opened anew, where that can be done now.
func (s *Service) takeBack(c *child.Child, r record) {
	s.sockets = make([]*sockets.Socket, len(s.program.of.Listen))
	if len(s.sockets) == 0 {
		return
	}
	had, err := sockets.ParseRecord(r.sockets)
	if err != nil {
		s.Log.Warn("sockets are not taken back", "error", err.Error())
		return
	}
	members, _ := c.Members() // one that cannot be found has none
	pids := append([]int{c.PID()}, members...)
	for i, a := range s.program.of.Listen {
		one, err := sockets.TakeBack(a, had, pids, s.socketPolicy())
		if one != nil {
			s.Log.Info("socket taken back", "address", a.String(), "pid", c.PID())
		} else if one, _ = sockets.Listen(a, s.socketPolicy()); one == nil {
			attributes := []any{"address", a.String(), "pid", c.PID()}
			if err != nil {
				attributes = append(attributes, "error", err.Error())
			}
			s.Log.Warn("socket not taken back", attributes...)
		}
		s.sockets[i] = one
	}
}

// part lets go of the sockets; those that are over take their files with them.
func (s *Service) part(over bool) { s.open().Close(over) }
