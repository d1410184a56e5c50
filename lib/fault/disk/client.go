package disk

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"pidbox/lib/resolve"
)

// Config says which directory is served, and where its orders come.
type Config struct {
	Dir    string
	Socket string
	Exempt []string // names in the directory that no fault meets and no power failure takes back
}

// String is the Config in the environment of the process that serves it.
func (c Config) String() string {
	text, err := json.Marshal(c)
	if err != nil {
		panic(err) // strings alone
	}
	return string(text)
}

// ParseConfig reads String.
func ParseConfig(text string) (c Config, err error) {
	err = json.NewDecoder(strings.NewReader(text)).Decode(&c)
	return c, err
}

// Ask gives an order to the file system that listens there.
func Ask(socket string, r Request) (a Answer, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	place, err := resolve.Walk(socket, resolve.Policy{})
	if err != nil {
		return a, err
	}
	defer place.Close()
	c, err := place.Dial(ctx)
	if err != nil {
		return a, err
	}
	defer c.Close()
	limit, _ := ctx.Deadline()
	_ = c.SetDeadline(limit)
	if err := json.NewEncoder(c).Encode(r); err != nil {
		return a, err
	}
	if err := json.NewDecoder(c).Decode(&a); err != nil {
		return a, fmt.Errorf("%s: %w", socket, err)
	}
	if a.Error != "" {
		err = errors.New(a.Error)
	}
	return a, err
}
