//go:build !unix

package live

import "testing"

// pipe makes none here.
func pipe(*testing.T, string) {}
