package agent

import (
	"context"
	"log/slog"
)

// complaints hands what the HTTP server complains of, such as failed handshakes, to the agent's log.
type complaints func(format string, args ...any)

func (complaints) Enabled(context.Context, slog.Level) bool { return true }
func (t complaints) WithAttrs([]slog.Attr) slog.Handler     { return t }
func (t complaints) WithGroup(string) slog.Handler          { return t }
func (t complaints) Handle(_ context.Context, r slog.Record) error {
	t("%s", r.Message)
	return nil
}
