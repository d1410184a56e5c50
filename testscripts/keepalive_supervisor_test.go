//go:build linux && supervisor

package testscripts

import (
	"testing"
	"time"
)

// These take minutes: make test-supervisor.

func TestSupervisorChaos(t *testing.T)   { keepAliveChaos(t, 1000) }
func TestSupervisorCrashes(t *testing.T) { keepAliveCrashes(t, 10_000) }
func TestSupervisorMany(t *testing.T)    { keepAliveMany(t, 200, 10*time.Second) }
func TestSupervisorStorm(t *testing.T)   { keepAliveStorm(t, time.Minute) }

// 50 services, at 1,000 crashes a minute, for three minutes.
func TestSupervisorServices(t *testing.T) { keepAliveServices(t, 50, 1000, 3000) }
