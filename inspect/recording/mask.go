package recording

import (
	"reflect"
	"slices"

	"why502/compose"
	"why502/compose/proxy"
	"why502/inspect"
)

// masked takes out of a struct what is a credential only because of what stands beside it. The rest of
// its texts are masked as they are written.
func masked(v reflect.Value, secrets *inspect.Secrets) reflect.Value {
	switch x := v.Interface().(type) {
	case proxy.Directive:
		x.Args = secrets.MaskDirective(x.Name, x.Args)
		return reflect.ValueOf(x)
	case proxy.Param:
		x.Value = secrets.MaskHeader(x.Name, x.Value)
		return reflect.ValueOf(x)
	case compose.Mount:
		if x.Type == "secret" && x.Content != nil {
			content := *x.Content
			content.Text, content.Written = nil, nil
			x.Content = &content
		}
		return reflect.ValueOf(x)
	}
	return v
}

// named takes a credential out of what stands under a name in a map: variables, and keys of the Compose
// files.
func named(key, value reflect.Value, secrets *inspect.Secrets) reflect.Value {
	name, ok := key.Interface().(string)
	if !ok {
		return value
	}
	switch x := value.Interface().(type) {
	case string:
		return reflect.ValueOf(secrets.MaskNamed(name, x))
	case compose.Value:
		x.Text = secrets.MaskNamed(name, x.Text)
		return reflect.ValueOf(x)
	case *compose.Mark:
		if x == nil {
			return value
		}
		if text := secrets.MaskNamed(name, x.Text); text != x.Text {
			other := *x
			other.Text = text
			return reflect.ValueOf(&other)
		}
	}
	return value
}

// maskedLog is a log without credentials, some of which go over several lines.
func maskedLog(log []inspect.LogLine, secrets *inspect.Secrets) []inspect.LogLine {
	texts := make([]string, len(log))
	for i, line := range log {
		texts[i] = line.Text
	}
	masked := slices.Clone(log)
	for i, text := range secrets.MaskLines(texts) {
		masked[i].Text = text
	}
	return masked
}
