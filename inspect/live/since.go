package live

import (
	"fmt"
	"time"

	timetypes "github.com/docker/docker/api/types/time"
)

// Since is the time that a user means as docker logs --since takes it: a duration before now, a date and
// time, or seconds since 1970. Empty is the zero time.
func Since(value string, now time.Time) (time.Time, error) {
	if value == "" {
		return time.Time{}, nil
	}
	stamp, err := timetypes.GetTimestamp(value, now)
	if err != nil {
		return time.Time{}, fmt.Errorf("%q is no time: %w", value, err)
	}
	seconds, nanoseconds, err := timetypes.ParseTimestamps(stamp, 0)
	if err != nil {
		return time.Time{}, fmt.Errorf("%q is no time: %w", value, err)
	}
	return time.Unix(seconds, nanoseconds).UTC(), nil
}
