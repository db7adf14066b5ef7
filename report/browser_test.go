package report

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"testing"
	"time"
)

// browser is a Chromium that shows one page, and does what a user does. It is spoken to in its DevTools protocol,
// chromedevtools.github.io/devtools-protocol, over a pipe: JSON that a byte of 0 ends.
type browser struct {
	t       testing.TB
	in      io.Writer
	out     *bufio.Reader
	session string
	last    int
	events  []message // that came since the page was opened
}

type message struct {
	ID     int
	Method string
	Params json.RawMessage
	Result json.RawMessage
	Error  *struct{ Message string }
}

// newBrowser starts a Chromium, or skips the test where there is none.
func newBrowser(t testing.TB) *browser {
	t.Helper()
	var program string
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if found, err := exec.LookPath(name); err == nil && program == "" {
			program = found
		}
	}
	if program == "" {
		t.Skip("there is no Chromium to show the page")
	}
	profile, err := os.MkdirTemp("", "profile")
	if err != nil {
		t.Fatal(err)
	}
	args := []string{"--headless", "--disable-gpu", "--remote-debugging-pipe", "--no-first-run", "--user-data-dir=" + profile}
	if os.Geteuid() == 0 {
		args = append(args, "--no-sandbox") // it refuses to be root with one
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute) // it starts slowly on a machine that is busy
	theirs, in, err1 := os.Pipe()
	out, theirOut, err2 := os.Pipe()
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.ExtraFiles = []*os.File{theirs, theirOut} // as 3 and 4
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	theirs.Close()
	theirOut.Close()
	b := &browser{t: t, in: in, out: bufio.NewReader(out)}
	t.Cleanup(func() {
		b.session = ""
		b.send("Browser.close", nil)
		cmd.Wait()
		cancel()
		in.Close()
		out.Close()
		for deadline := time.Now().Add(time.Minute); os.RemoveAll(profile) != nil && time.Now().Before(deadline); {
			time.Sleep(100 * time.Millisecond) // processes of its may outlive it, and write
		}
	})
	var target struct{ TargetID string }
	b.call("Target.createTarget", map[string]any{"url": "about:blank"}, &target)
	var attached struct{ SessionID string }
	b.call("Target.attachToTarget", map[string]any{"targetId": target.TargetID, "flatten": true}, &attached)
	b.session = attached.SessionID
	for _, domain := range []string{"Page", "Runtime", "Log", "Network"} {
		b.call(domain+".enable", nil, nil)
	}
	return b
}

// send asks for something.
func (b *browser) send(method string, params any) {
	b.t.Helper()
	b.last++
	request := map[string]any{"id": b.last, "method": method}
	if params != nil {
		request["params"] = params
	}
	if b.session != "" {
		request["sessionId"] = b.session
	}
	text, err := json.Marshal(request)
	if err != nil {
		b.t.Fatal(err)
	}
	if _, err := b.in.Write(append(text, 0)); err != nil {
		b.t.Fatal(err)
	}
}

// call asks for something, and waits for the answer.
func (b *browser) call(method string, params, result any) {
	b.t.Helper()
	b.send(method, params)
	m := b.until(func(m message) bool { return m.ID == b.last })
	if m.Error != nil {
		b.t.Fatalf("%s: %s", method, m.Error.Message)
	}
	if result != nil {
		if err := json.Unmarshal(m.Result, result); err != nil {
			b.t.Fatal(err)
		}
	}
}

// until reads messages up to one that is meant.
func (b *browser) until(meant func(message) bool) message {
	b.t.Helper()
	for {
		text, err := b.out.ReadBytes(0)
		if err != nil {
			b.t.Fatalf("the browser is gone: %v", err)
		}
		var m message
		if err := json.Unmarshal(bytes.TrimSuffix(text, []byte{0}), &m); err != nil {
			b.t.Fatal(err)
		}
		if m.ID == 0 {
			b.events = append(b.events, m)
		}
		if meant(m) {
			return m
		}
	}
}

// open shows a file in a window of this width, in a colour scheme.
func (b *browser) open(file string, width int, scheme string) {
	b.t.Helper()
	b.call("Emulation.setDeviceMetricsOverride", map[string]any{"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": false}, nil)
	b.call("Emulation.setEmulatedMedia", map[string]any{"features": []map[string]string{{"name": "prefers-color-scheme", "value": scheme}}}, nil)
	b.visit("about:blank") // so that nothing is left of the page before
	b.visit("file://" + file)
}

// visit goes to an address, and waits until all of it is there.
func (b *browser) visit(url string) {
	b.t.Helper()
	b.events = nil
	b.call("Page.navigate", map[string]any{"url": url}, nil)
	loaded := func(m message) bool { return m.Method == "Page.loadEventFired" }
	if !slices.ContainsFunc(b.events, loaded) {
		b.until(loaded)
	}
}

// complaints are what the page did that it must not: messages on the console, and requests for anything but it.
func (b *browser) complaints(file string) (found []string) {
	b.eval("0") // so that what was said before is here
	for _, e := range b.events {
		var request struct{ Request struct{ URL string } }
		json.Unmarshal(e.Params, &request)
		switch e.Method {
		case "Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded":
			found = append(found, e.Method+" "+string(e.Params))
		case "Network.requestWillBeSent":
			if request.Request.URL != "file://"+file {
				found = append(found, "a request for "+request.Request.URL)
			}
		}
	}
	return found
}

// eval is what an expression of JavaScript gives, as JSON.
func (b *browser) eval(expression string) string {
	b.t.Helper()
	var got struct {
		Result           struct{ Value json.RawMessage }
		ExceptionDetails json.RawMessage
	}
	b.call("Runtime.evaluate", map[string]any{"expression": expression, "returnByValue": true}, &got)
	if got.ExceptionDetails != nil {
		b.t.Fatalf("%s: %s", expression, got.ExceptionDetails)
	}
	return string(got.Result.Value)
}

// click clicks in the middle of an element, or at a part of a line.
func (b *browser) click(at string) {
	b.t.Helper()
	var point struct{ X, Y float64 }
	if err := json.Unmarshal([]byte(b.eval(at)), &point); err != nil {
		b.t.Fatal(err)
	}
	for _, kind := range []string{"mousePressed", "mouseReleased"} {
		b.call("Input.dispatchMouseEvent", map[string]any{"type": kind, "x": point.X, "y": point.Y, "button": "left", "clickCount": 1}, nil)
	}
}

// press presses a key.
func (b *browser) press(key, text string, code int) {
	b.t.Helper()
	b.call("Input.dispatchKeyEvent", map[string]any{"type": "keyDown", "key": key, "text": text, "windowsVirtualKeyCode": code}, nil)
	b.call("Input.dispatchKeyEvent", map[string]any{"type": "keyUp", "key": key, "windowsVirtualKeyCode": code}, nil)
}

// shoot writes what the whole page looks like to a file.
func (b *browser) shoot(name string) {
	b.t.Helper()
	var shot struct{ Data []byte }
	b.call("Page.captureScreenshot", map[string]any{"captureBeyondViewport": true}, &shot)
	if err := os.WriteFile(name, shot.Data, 0o644); err != nil {
		b.t.Fatal(fmt.Errorf("cannot write a screenshot: %w", err))
	}
}
