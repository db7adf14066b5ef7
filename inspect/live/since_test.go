package live

import (
	"testing"
	"time"
)

func TestSince(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	for value, want := range map[string]time.Time{
		"":                          {},
		"15m":                       now.Add(-15 * time.Minute),
		"1h30m":                     now.Add(-90 * time.Minute),
		"2026-11-22T11:00:00Z":      now.Add(-time.Hour),
		"2026-11-22T11:00:00+01:00": now.Add(-2 * time.Hour),
		"2026-11-22T11:00":          now.Add(-time.Hour),
		"2026-11-22":                now.Add(-12 * time.Hour),
		"1795348800":                time.Unix(1795348800, 0),
	} {
		if got, err := Since(value, now); err != nil || !got.Equal(want) {
			t.Errorf("%q is %v, want %v: %v", value, got, want, err)
		}
	}
	for _, value := range []string{"yesterday", "15", "-", "2026-13-01", "1.x"} {
		if got, err := Since(value, now); err == nil && got.Year() > 1970 {
			t.Errorf("%q is %v", value, got)
		}
	}
}
