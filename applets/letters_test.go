//go:build !pidbox_some

package applets

import "testing"

// TestLettersMeanTheSame holds that a letter stands for one thing in all applets. The one exception is fault-tester, which
// starts no command: its -c is the configuration, as in other testers, and not chdir.
func TestLettersMeanTheSame(t *testing.T) {
	meaning, from := map[string]string{}, map[string]string{}
	for _, a := range everything() {
		if a.Raw {
			continue
		}
		for _, o := range a.Options {
			for _, letter := range o.Names {
				if len(letter) > 1 || a.Name == "fault-tester" && letter == "c" {
					continue
				}
				for _, long := range o.Names {
					if len(long) == 1 {
						continue
					}
					if was, ok := meaning[letter]; ok && was != long {
						t.Errorf("-%s is --%s in %s, and --%s in %s", letter, was, from[letter], long, a.Name)
					}
					meaning[letter], from[letter] = long, a.Name
					break // the first long name
				}
			}
		}
	}
}
