//go:build !pidbox_some || applet_fault_tester

package applets

import (
	"slices"
	"strings"

	"pidbox/lib/applet"
	"pidbox/lib/fault/plan"
)

// effects refuses an option that the command would not look at.
func effects(c *applet.Call, command string) error {
	by := map[string]string{"case": "run list", "rounds": "run list", "for": "run explore", "limit": "run explore judge", "wait": "run explore do",
		"fault": "explore", "overlap": "explore", "votes": "explore", "no-skip": "run explore", "evidence": "run explore",
		"model": "judge", "memory": "judge", "seed": "run list explore do", "json": "run list explore check judge",
		"junit": "run explore", "html": "run explore judge"}
	for _, name := range []string{"hold", "delay", "jitter", "percent", "rate", "leave", "variant", "path", "op", "tear", "flip", "cut", "direction"} {
		by[name] = "do"
	}
	for _, one := range faultTester().Options {
		name := one.Names[0]
		if of := strings.Fields(by[name]); c.Given(name) && len(of) > 0 && !slices.Contains(of, command) {
			return applet.Usage("--%s is not an option of %s, but of %s", name, command, strings.Join(of, ", "))
		}
	}
	return nil
}

// choose leaves the cases that were asked for.
func (o *faultTesterOptions) choose(p *plan.Plan) error {
	err := p.Select(o.patterns)
	none := as[*plan.NoCaseError](err)
	switch {
	case none != nil:
		if near := applet.Nearest(strings.Trim(none.Pattern, "*?"), none.Names); near != "" {
			return applet.Usage("--case: no case of %s matches %q; did you mean %s? %s", o.file, none.Pattern, near, none.There())
		}
		return applet.Usage("--case: no case of %s matches %q; %s", o.file, none.Pattern, none.There())
	case err != nil:
		return applet.Usage("--case: %w", err)
	}
	return nil
}
