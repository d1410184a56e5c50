package run

import (
	"fmt"
)

func (t *trial) startLoads() error {
	for _, argv := range t.plan.Load {
		j, err := beginKept(argv, t.env())
		if err != nil {
			return fmt.Errorf("load: %w", err)
		}
		t.loads = append(t.loads, j)
	}
	return nil
}

// stopLoads ends the loads. One that had ended by itself must have ended well, and one that was told to end must not
// say otherwise.
func (t *trial) stopLoads() (err error) {
	for i, j := range t.loads {
		early := false
		select {
		case <-j.done:
			early = true
		default:
		}
		j.end()
		if err == nil && (early && j.failure() != nil || !early && !j.harmless()) {
			err = fmt.Errorf("load %d failed: %w", i+1, j.failure())
		}
	}
	t.loads = nil
	return err
}
