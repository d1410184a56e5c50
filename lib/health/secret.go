package health

import (
	"fmt"
	"io"
	"os"
	"strings"
)

// Given is the text s, or, when s is @FILE, what FILE holds, less the line ends at its end. Secrets come so past
// the process list.
func Given(s string) (string, error) {
	name, isFile := strings.CutPrefix(s, "@")
	if !isFile {
		return s, nil
	}
	text, err := readFile(name)
	return strings.TrimRight(string(text), "\r\n"), err
}

func readFile(name string) ([]byte, error) {
	const most = 16 << 20
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && len(text) > most {
		err = fmt.Errorf("%s: larger than %d MiB", name, most>>20)
	}
	return text, err
}
