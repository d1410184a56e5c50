package supervise

import (
	"errors"

	"pidbox/lib/child"
	"pidbox/lib/journal"
	"pidbox/lib/pidfile"
)

// Foresight is what Keep would do.
type Foresight struct {
	Path string // what it would start
	PID  int    // the child that it would adopt, or stop first; 0: none
	Same bool   // that child runs the same command
}

// Rehearse finds the mistakes in c that need no process to be found.
func Rehearse(c Config) error {
	_, err := rehearse(c)
	return err
}

func rehearse(c Config) (*Service, error) {
	log, err := c.Log.open(c.Rules.AllowInsecure)
	if err != nil {
		return nil, err
	}
	defer log.close()
	return newService(c, logger{Logger: journal.Discard()})
}

// Foresee says what Keep would do, by a look that changes nothing.
func Foresee(c Config) (Foresight, error) {
	service, err := rehearse(c)
	if err != nil {
		return Foresight{}, err
	}
	if c.PIDFile == "" {
		_, err = service.program.find()
		return Foresight{Path: service.Fingerprint.Path}, err
	}
	h, err := pidfile.Read(c.PIDFile, c.Rules)
	var garbage *pidfile.GarbageError
	if err != nil && !errors.As(err, &garbage) {
		return Foresight{}, err
	}
	defer h.Close()
	if err == nil {
		switch held, err := h.Live(); {
		case err != nil:
			return Foresight{}, err
		case held != nil:
			return Foresight{}, &pidfile.HeldError{Holder: h}
		}
	}
	f := Foresight{Path: service.Fingerprint.Path}
	f.PID, f.Same, err = service.foresee()
	if err == nil && !f.Same {
		_, err = service.program.find()
	}
	return f, err
}

// foresee tells which process Adopt would find, 0 if none, and whether it runs the same command.
func (s *Service) foresee() (pid int, same bool, err error) {
	if err := s.know(); err != nil {
		return 0, false, err
	}
	var r record
	holder, err := child.Find(s.adoption(&r))
	if err != nil || holder == nil {
		return 0, false, err
	}
	defer holder.Close()
	return holder.PID, s.same(r), nil
}
