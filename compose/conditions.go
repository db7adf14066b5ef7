package compose

import (
	"errors"
	"io/fs"
	"regexp"
	"slices"

	"mvdan.cc/sh/v3/syntax"

	"why502/compose/nginx"
)

// matchesExpression says whether a regular expression that a pattern became matches a text.
func matchesExpression(expression, text string) bool {
	re, err := regexp.Compile(expression)
	return err == nil && re.MatchString(text)
}

// holds says whether the condition of a [[ … ]] holds.
func (r *runner) holds(x syntax.TestExpr) outcome {
	switch x := x.(type) {
	case *syntax.Word:
		return filled(r.word(x))
	case *syntax.ParenTest:
		return r.holds(x.X)
	case *syntax.UnaryTest:
		if x.Op == syntax.TsNot {
			return r.holds(x.X).not()
		}
		if w, ok := x.X.(*syntax.Word); ok {
			return r.one(x.Op.String(), r.word(w))
		}
	case *syntax.BinaryTest:
		switch x.Op {
		case syntax.AndTest:
			return and(r.holds(x.X), r.holds(x.Y))
		case syntax.OrTest:
			return and(r.holds(x.X).not(), r.holds(x.Y).not()).not()
		}
		a, ok := x.X.(*syntax.Word)
		b, ok2 := x.Y.(*syntax.Word)
		if ok && ok2 && (x.Op == syntax.TsMatch || x.Op == syntax.TsMatchShort) {
			return r.matches(r.word(a), r.word(b))
		}
		if ok && ok2 && x.Op == syntax.TsNoMatch {
			return r.matches(r.word(a), r.word(b)).not()
		}
	}
	return unsure
}

// test says whether the condition of a [ … ] holds: -o binds less than -a, and that less than !.
func (r *runner) test(args []string) outcome {
	if i := slices.Index(args, "-o"); i > 0 {
		return and(r.test(args[:i]).not(), r.test(args[i+1:]).not()).not()
	}
	if i := slices.Index(args, "-a"); i > 0 {
		return and(r.test(args[:i]), r.test(args[i+1:]))
	}
	if len(args) > 1 && args[0] == "!" {
		return r.test(args[1:]).not()
	}
	switch {
	case len(args) == 0:
		return fails
	case len(args) == 1:
		return filled(args[0])
	case len(args) == 2:
		return r.one(args[0], args[1])
	case len(args) == 3 && known(args...) && (args[1] == "=" || args[1] == "=="):
		return outcomeOf(args[0] == args[2])
	case len(args) == 3 && known(args...) && args[1] == "!=":
		return outcomeOf(args[0] != args[2])
	}
	return unsure
}

func and(a, b outcome) outcome {
	switch {
	case a == fails || b == fails:
		return fails
	case a == succeeds && b == succeeds:
		return succeeds
	}
	return unsure
}

// filled says whether a text is not empty.
func filled(text string) outcome {
	if !known(text) && len(text) == len(hole) {
		return unsure
	}
	return outcomeOf(text != "")
}

// one is a test of one operand.
func (r *runner) one(operator, operand string) outcome {
	switch operator {
	case "-n":
		return filled(operand)
	case "-z":
		return filled(operand).not()
	case "-e", "-f", "-r":
		return r.exists(operand, operator == "-f")
	}
	return unsure
}

// exists says whether there is a file at a path, or a directory where that will do. What the image has
// outside its configuration is not known.
func (r *runner) exists(p string, file bool) outcome {
	if !known(p) {
		return unsure
	}
	p = r.path(p)
	_, l, err := r.files.find(p)
	var unknown *nginx.UnknownError
	switch {
	case errors.As(err, &unknown):
		return unsure
	case err == nil:
		return succeeds
	case errors.Is(err, errDirectory):
		return outcomeOf(!file)
	case errors.Is(err, fs.ErrNotExist) && (l != nil || underConfigRoot(p) && r.files.stock):
		return fails
	}
	return unsure
}
