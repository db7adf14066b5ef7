package main

import (
	"cmp"
	"fmt"
	"strings"
	"unicode/utf8"

	"why502/inspect"
)

// usageError is something that the user can put right, and how.
type usageError struct {
	err  error
	hint string
}

func (e *usageError) Error() string { return e.err.Error() }

func (e *usageError) Unwrap() error { return e.err }

// Hint says what to do about it.
func (e *usageError) Hint() string { return e.hint }

// wrong makes an error with a hint; without one it points at the page that lists everything.
func wrong(hint, format string, args ...any) error {
	return &usageError{fmt.Errorf(format, args...), cmp.Or(hint, "see why502 --help")}
}

// either lists choices: "auto, off or require".
func either(of []string) string {
	last := len(of) - 1
	return strings.Join(of[:last], ", ") + " or " + of[last]
}

// suggest asks whether the nearest of the known words, put behind a prefix, was meant; empty where
// none is near.
func suggest(word string, known []string, prefix string) string {
	best, least := "", 2+utf8.RuneCountInString(word)/3
	for _, k := range known {
		if d := inspect.Distance(strings.ToLower(word), k); d < least {
			best, least = k, d
		}
	}
	if best == "" {
		return ""
	}
	return "did you mean " + prefix + best + "?"
}
