//go:build !pidbox_some || pidbox_http

package health

import (
	"net/url"
	"strings"
	"testing"
)

func FuzzParseStatuses(f *testing.F) {
	for _, s := range []string{"200", "200,204,300-399", " 200 , 201", "-", "300-200", ",", "99", "0200", "+200"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, list string) {
		all, err := ParseStatuses(list)
		if err == nil && len(all) == 0 {
			t.Errorf("%q is no statuses", list)
		}
		for _, r := range all {
			if r.First < 100 || r.Last > 599 || r.First > r.Last || !all.Has(r.First) || !all.Has(r.Last) {
				t.Errorf("%q holds %v", list, r)
			}
		}
	})
}

// FuzzParse: what cannot be a target is refused, without a panic and without its secrets.
func FuzzParse(f *testing.F) {
	for _, s := range []string{"http://localhost", "https://u:secret@h:1/p?q=secret", "tcp://[::1]:80", "unix:/run/x", "unix:@x", "http://[::1", "tcp://h", "unix:", ":"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		check, err := Parse(raw, Options{})
		if err == nil && check.String() == "" {
			t.Errorf("%q is a check without a name", raw)
		}
		if u, e := url.Parse("http://user:sEcReT-42@" + raw); e == nil && u.User != nil {
			if check, err := Parse("http://user:sEcReT-42@"+raw, Options{}); err != nil && strings.Contains(err.Error(), "sEcReT-42") && !strings.Contains(raw, "sEcReT-42") || err == nil && strings.Contains(check.String(), "sEcReT-42") {
				t.Errorf("%q: the password is shown", raw)
			}
		}
	})
}
