package live

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"iter"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/docker/docker/api/types/container"

	"why502/inspect"
)

const (
	// fewLines are enough for the last start of a proxy that crashes again and again.
	fewLines = 200

	// lineBytes is twice what nginx itself allows a line of its error log.
	lineBytes = 4 << 10

	// maxLog is more than the daemon sends of ordinary lines. It keeps them in pieces of 16 KiB and
	// counts pieces, so that fewLines never come to more than half of it.
	maxLog = 8 << 20
)

// log asks for the last lines that a container wrote to stdout and stderr, at most so many; 0: few.
// Where they are so long that their end, which matters, may be cut off, a few of them have to do.
func (d *daemon) log(ctx context.Context, id string, most int) ([]inspect.LogLine, error) {
	most = max(most, fewLines)
	raw, err := d.readLog(ctx, id, most)
	if err == nil && len(raw) > maxLog && most > fewLines {
		most = fewLines
		raw, err = d.readLog(ctx, id, most)
	}
	if err != nil {
		return nil, err
	}
	return stamped(raw[:min(len(raw), maxLog)], most), nil
}

// readLog reads at most a byte more than maxLog.
func (d *daemon) readLog(ctx context.Context, id string, most int) ([]byte, error) {
	body, err := d.client.ContainerLogs(ctx, id, container.LogsOptions{
		ShowStdout: true,
		ShowStderr: true,
		Timestamps: true,
		Tail:       strconv.Itoa(most),
	})
	if err != nil {
		return nil, err
	}
	defer body.Close()
	return io.ReadAll(io.LimitReader(body, maxLog+1))
}

// stamped gives the last lines, at most so many, of a log whose lines, and the pieces of long ones, begin with the
// daemon's time.
func stamped(raw []byte, most int) []inspect.LogLine {
	var last [][]byte
	eachLine(raw, func(line []byte) {
		if last = append(last, line); len(last) >= 2*most { // to look into millions takes a minute
			last = slices.Clone(last[most:])
		}
	})
	all := []inspect.LogLine{}
	for _, line := range last[max(0, len(last)-most):] {
		at, text := stamp(line)
		all = append(all, inspect.LogLine{Time: at, Text: plain(text)})
	}
	return all
}

// stamp cuts the time off a line: 2026-11-21T13:09:25.968444788Z.
func stamp(line []byte) (time.Time, []byte) {
	end := bytes.IndexByte(line[:min(len(line), len(time.RFC3339Nano)+1)], ' ')
	if end < 0 {
		return time.Time{}, line
	}
	at, err := time.Parse(time.RFC3339Nano, string(line[:end]))
	if err != nil {
		return time.Time{}, line
	}
	return at, line[end+1:]
}

// lines splits output into lines.
func lines(raw []byte) []string {
	all := []string{}
	eachLine(raw, func(line []byte) { all = append(all, plain(line)) })
	return all
}

// eachLine visits the lines of a log in the order in which they ended. A long line comes in several
// frames of which only the last ends it, and the other stream's may lie between them.
func eachLine(raw []byte, visit func([]byte)) {
	var begun [3][]byte
	for stream, text := range frames(raw) {
		if len(begun[stream]) > 0 {
			_, text = stamp(text)
		}
		text = append(begun[stream], text...)
		for {
			line, rest, ended := bytes.Cut(text, []byte("\n"))
			if !ended {
				break
			}
			visit(line)
			text = rest
		}
		begun[stream] = text
	}
	for _, line := range begun {
		if len(line) > 0 {
			visit(line)
		}
	}
}

// frames yields the frames of a log: per ContainerAttach in Docker's API, the stream's number, three
// zero bytes, four bytes of length. The log of a container with a terminal is the bare output; the
// zero bytes, which no terminal is sent, tell the two apart where an old engine has no Content-Type.
func frames(raw []byte) iter.Seq2[int, []byte] {
	return func(yield func(int, []byte) bool) {
		if !isFrame(raw) {
			yield(0, raw)
			return
		}
		for isFrame(raw) {
			size := uint64(binary.BigEndian.Uint32(raw[4:8]))
			end := 8 + min(size, uint64(len(raw)-8))
			if !yield(int(raw[0]), raw[8:end]) {
				return
			}
			raw = raw[end:]
		}
	}
}

// isFrame tells whether the bytes begin with the header of a frame.
func isFrame(raw []byte) bool {
	return len(raw) >= 8 && raw[0] <= 2 && raw[1] == 0 && raw[2] == 0 && raw[3] == 0
}

// plain is a line without what a terminal put at its end, of bounded length.
func plain(line []byte) string {
	line = bytes.TrimRight(line, "\r")
	if len(line) > lineBytes {
		return clean(string(line[:lineBytes])) + "…"
	}
	return clean(string(line))
}

// escapes are the terminal's sequences for colours, titles, links, cursor movement (ECMA-48).
var escapes = regexp.MustCompile(`\x1b(?:\[[0-?]*[ -/]*[@-~]|[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)|[ -/]*[0-~])`)

// clean makes text from outside harmless to a terminal: escape sequences go, and what else would
// move the cursor, or turn the direction of writing, becomes a replacement character.
func clean(text string) string {
	text = strings.ToValidUTF8(text, string(unicode.ReplacementChar))
	text = escapes.ReplaceAllString(text, "")
	return strings.Map(func(r rune) rune {
		if r != '\t' && unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) {
			return unicode.ReplacementChar
		}
		return r
	}, text)
}

// oneLine is text from outside as a part of an error; a proxy's answer can be a page of HTML.
func oneLine(text string) string {
	text = clean(strings.Join(strings.Fields(text), " "))
	if short := []rune(text); len(short) > 300 {
		return string(short[:300]) + "…"
	}
	return text
}
