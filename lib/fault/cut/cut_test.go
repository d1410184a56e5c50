package cut

import (
	"strings"
	"testing"
	"time"

	"pidbox/lib/fault"
)

func TestParse(t *testing.T) {
	second := fault.Duration(time.Second)
	peer := []string{"10.0.0.1"}
	for _, c := range []struct {
		spec fault.Spec
		want string // in the error; "" is none
	}{
		{fault.Spec{Kind: fault.Drop, Peers: peer, Hold: second}, ""},
		{fault.Spec{Kind: fault.Drop, Peers: []string{"10.0.0.1", "::ffff:10.0.0.1", "fd00::1"}, Hold: second, Direction: fault.In}, ""},
		{fault.Spec{Kind: fault.Drop, Peers: peer}, "needs a hold"},
		{fault.Spec{Kind: fault.Drop, Hold: second}, "needs 1 to 1024 peers"},
		{fault.Spec{Kind: fault.Drop, Peers: []string{"m1"}, Hold: second}, `"m1" is not an IP address`},
		{fault.Spec{Kind: fault.Drop, Peers: []string{"fe80::1%eth0"}, Hold: second}, "is not an IP address"},
		{fault.Spec{Kind: fault.Drop, Peers: peer, Hold: second, Direction: "up"}, `direction "up"`},
		{fault.Spec{Kind: fault.Loss, Peers: peer, Hold: second}, "loss of 0 percent"},
		{fault.Spec{Kind: fault.Loss, Peers: peer, Hold: second, Percent: 101}, "loss of 101 percent"},
		{fault.Spec{Kind: fault.Rate, Peers: peer, Hold: second}, "rate of 0"},
		{fault.Spec{Kind: fault.Slow, Peers: peer, Hold: second}, "delay of 0s"},
		{fault.Spec{Kind: fault.Slow, Peers: peer, Hold: second, Delay: second, Jitter: 2 * second}, "jitter of 2s"},
		{fault.Spec{Kind: fault.Fill, Hold: second}, "is not a network fault"},
	} {
		_, err := Parse(c.spec)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%+v: got %v, want %q", c.spec, err, c.want)
		}
	}
	r, _ := Parse(fault.Spec{Kind: fault.Drop, Peers: []string{"10.0.0.1", "::ffff:10.0.0.1"}, Hold: second})
	if len(r.Addrs) != 1 {
		t.Errorf("the same address twice: %v", r.Addrs)
	}
}
