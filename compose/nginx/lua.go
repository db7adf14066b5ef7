package nginx

import (
	"bytes"
	"slices"
	"strings"
)

// withoutQuotes blanks quotes and braces in the strings and comments of Lua blocks, of which crossplane
// knows too little: an apostrophe in a comment misleads it. All else stays where it is.
func withoutQuotes(text []byte) []byte {
	const block = "_by_lua_block"
	masked := slices.Clone(text)
	for from := 0; ; {
		i := bytes.Index(text[from:], []byte(block))
		if i < 0 {
			return masked
		}
		name := from + i
		from = name + len(block)
		line := text[bytes.LastIndexByte(text[:name], '\n')+1 : name]
		if brace := bytes.IndexAny(text[from:], "{;\n#"); brace >= 0 && text[from+brace] == '{' && !bytes.ContainsRune(line, '#') {
			from = maskLua(masked, from+brace)
		}
	}
}

// maskLua masks the block that begins at a brace, and gives where it ends.
func maskLua(text []byte, i int) int {
	for depth := 0; i < len(text); {
		end := endOfWord(text, i)
		switch {
		case end > i+1:
			for j := i; j < end; j++ {
				if bytes.IndexByte([]byte(`'"{}`), text[j]) >= 0 {
					text[j] = ' '
				}
			}
		case text[i] == '{':
			depth++
		case text[i] == '}':
			if depth--; depth == 0 {
				return end
			}
		}
		i = end
	}
	return i
}

// endOfWord is where the string or comment ends that begins at i; anything else is one byte long.
func endOfWord(text []byte, i int) int {
	rest := text[i:]
	comment := bytes.HasPrefix(rest, []byte("--"))
	if comment {
		rest = rest[2:]
	}
	end := 1
	switch level := longBracket(rest); {
	case level >= 0:
		end = after(rest, "]"+strings.Repeat("=", level)+"]")
	case comment:
		end = after(rest, "\n")
	case rest[0] == '"' || rest[0] == '\'':
		for end < len(rest) && rest[end] != rest[0] && rest[end] != '\n' {
			if rest[end] == '\\' {
				end++
			}
			end++
		}
		end++
	}
	return min(len(text), len(text)-len(rest)+end)
}

// longBracket is how many = a long bracket of Lua has that a text begins with: 1 in "[=["; -1: it is none.
func longBracket(text []byte) int {
	if len(text) == 0 || text[0] != '[' {
		return -1
	}
	rest := bytes.TrimLeft(text[1:], "=")
	if len(rest) == 0 || rest[0] != '[' {
		return -1
	}
	return len(text) - 1 - len(rest)
}

// after is where the first such mark ends; the whole length where there is none.
func after(text []byte, mark string) int {
	if i := bytes.Index(text, []byte(mark)); i >= 0 {
		return i + len(mark)
	}
	return len(text)
}
