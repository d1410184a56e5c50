package supervise

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"pidbox/lib/jsonline"
)

// What is written by hand is what the tags of the fields say, and read back as it was.
func TestStatusAsJSON(t *testing.T) {
	at, well := time.Now().Round(0).UTC(), false
	for _, st := range []Status{{}, {Running, 1, 2, true, 3, &at, 1.5, "exit code 1", &at, 0.25, &well}} {
		text, err := json.Marshal(st)
		if got := st.Fields(new(jsonline.Object)).String(); err != nil || got != string(text) {
			t.Errorf("%s, want %s (%v)", got, text, err)
		}
		fields, err := jsonline.Parse(string(text))
		if got := statusOf(fields); err != nil || !reflect.DeepEqual(got, st) {
			t.Errorf("%+v, want %+v (%v)", got, st, err)
		}
	}
	if got := statusOf(map[string]any{"pid": "x", "state": 1.0, "started": "y", "healthy": nil, "more": true}); !reflect.DeepEqual(got, Status{}) {
		t.Errorf("of other kinds: %+v", got)
	}
}
