package pidfile

import (
	"os"
	"testing"

	"pidbox/testscripts/lab"
)

func TestMain(m *testing.M) {
	lab.Enter()
	os.Exit(m.Run())
}
