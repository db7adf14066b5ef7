package probe

import (
	"context"
	"net"
	"net/http"
	"time"

	"why502/inspect"
)

const (
	talkWait     = 3 * time.Second        // for all that is said to one address
	exchangeWait = 2 * time.Second        // for one connection
	listenWait   = 200 * time.Millisecond // for one that speaks first, or has begun to speak what is no HTTP
	maxHead      = 16 << 10               // bytes of an answer of HTTP that are read
	maxBanner    = 64                     // bytes of other answers that are read
	maxText      = 200                    // bytes of other texts from outside
)

// speaker says to one address what a pass would say, and what tells who answers there.
type speaker struct {
	inspect.Talk
	call   inspect.Call
	own    string                   // the pass's protocol
	secure bool                     // it is spoken within TLS
	end    time.Time                // of all of it
	dial   func() (net.Conn, error) // another connection to the address
}

// talk speaks the protocol of the pass on a connection, which it closes. Only where the answer is not of
// that protocol are others tried, each on a connection of its own.
func talk(ctx context.Context, c inspect.Call, first attempt) inspect.Talk {
	s := &speaker{call: c, end: earlier(ctx, talkWait)}
	s.own, s.secure = protocolOf(c.Scheme)
	s.dial = func() (net.Conn, error) { return dial(ctx, first.Address, c.Port, first.wait) }
	if s.secure {
		s.talkWithinTLS(first.conn)
	} else {
		s.talkPlainly(first.conn)
	}
	return s.Talk
}

func (s *speaker) talkPlainly(conn net.Conn) {
	h := s.exchange(conn, opening(s.own, s.call.Asked))
	s.Took, s.Closed = h.took, h.wordless()
	if s.Speaks = recognise(h.data); s.own != "" {
		s.Speaks = s.tell(h)
	}
	if s.Speaks == "" && len(h.data) > 0 && recognise(h.data) == "" {
		s.Speaks, s.Banner = speaksOther, printable(string(h.data), maxBanner)
	}
	if s.own == speaksHTTP && s.Speaks == speaksHTTP {
		s.askHTTP(h)
	}
}

// heard is what came back on a connection.
type heard struct {
	data   []byte
	closed bool          // by the other side
	took   time.Duration // until the first byte
}

// wordless says whether the connection was closed without a word. An answer that did not come in time
// says nothing of the kind.
func (h heard) wordless() bool { return h.closed && len(h.data) == 0 }

// exchange says something on a connection, hears what comes back, and closes it.
func (s *speaker) exchange(conn net.Conn, words []byte) (h heard) {
	defer conn.Close()
	end := s.soon(exchangeWait)
	if len(words) == 0 {
		end = s.soon(listenWait)
	}
	start := time.Now()
	conn.SetDeadline(end)
	conn.Write(words) // where that fails, something may have been said before
	buffer := make([]byte, maxHead)
	for !enough(h.data) {
		n, err := conn.Read(buffer[len(h.data):])
		if len(h.data) == 0 && n > 0 {
			h.took = time.Since(start)
		}
		h.data = buffer[:len(h.data)+n]
		if err != nil {
			h.closed = !isTimeout(err)
			return h
		}
		if !mayBeHTTP(h.data) {
			conn.SetReadDeadline(s.soon(listenWait))
		}
	}
	return h
}

// enough says whether an answer tells all that can be learnt from it.
func enough(data []byte) bool {
	if len(data) == 0 || mayBeHTTP(data) {
		return len(data) == maxHead || response(data) != nil
	}
	return len(data) >= maxBanner || recognise(data) != ""
}

// soon is the time so long from now, or the end of the talk.
func (s *speaker) soon(wait time.Duration) time.Time {
	if at := time.Now().Add(wait); at.Before(s.end) {
		return at
	}
	return s.end
}

// ask says something on another connection, within TLS where the pass does.
func (s *speaker) ask(words []byte) heard {
	conn, err := s.dial()
	if err != nil {
		return heard{}
	}
	if s.secure {
		shaken := s.shake(conn, s.call.SNI)
		if shaken.conn == nil {
			return heard{}
		}
		conn = shaken.conn
	}
	return s.exchange(conn, words)
}

// askHTTP learns what there is to learn of a server of HTTP, from its answer to HEAD on: the status with
// either name, and whether it takes websockets.
func (s *speaker) askHTTP(h heard) {
	method := http.MethodHead
	if code := status(h.data); code == http.StatusMethodNotAllowed || code == http.StatusNotImplemented {
		method = http.MethodGet
		if again := s.ask(request(method, "/", s.call.Asked)); status(again.data) != 0 {
			h = again
		}
	}
	if answer := response(h.data); answer != nil {
		s.Status, s.Server = status(h.data), printable(answer.Header.Get("Server"), maxBanner)
	}
	if s.call.Real != "" && s.call.Real != s.call.Asked {
		s.Talk.Real = status(s.ask(request(method, "/", s.call.Real)).data)
	}
	if nameMatters := s.Talk.Real != 0 && s.Talk.Real != s.Status; !s.secure && !nameMatters && s.wantsTLS(s.Status) {
		s.Speaks = speaksTLS
		return
	}
	if s.call.Path != "" {
		s.Upgraded = status(s.ask(upgrade(s.call.Path, s.call.Asked)).data)
	}
}

// wantsTLS says whether a server that answered a plain request with a status speaks TLS: some answer 400
// in plain words to those who do not begin with it.
func (s *speaker) wantsTLS(status int) bool {
	if status != http.StatusBadRequest {
		return false
	}
	kind, _ := s.try(speaksTLS)
	return kind == speaksTLS
}

// tell says what speaks, by the answer to the pass's own words, and where these do not tell, by others.
func (s *speaker) tell(h heard) string {
	kind := recognise(h.data)
	if kind == speaksHTTP && s.own == speaksUWSGI {
		kind, h = s.tellUWSGI(h)
	}
	switch {
	case isOddAnswer(s.own, h.data):
		return s.own
	case kind == "":
		return s.identify(s.own, h)
	case kind == speaksHTTP && s.own != speaksHTTP && s.wantsTLS(status(h.data)):
		return speaksTLS
	}
	return kind
}

// tellUWSGI tells uwsgi, which answers a packet in the words of HTTP, from a server of HTTP, which takes
// the packet for a bad request. To a request of HTTP uwsgi closes the connection.
func (s *speaker) tellUWSGI(first heard) (kind string, h heard) {
	if code := status(first.data); code != 0 && code < 400 || code == http.StatusForbidden || code == http.StatusNotFound {
		return speaksUWSGI, first
	}
	h = s.ask(opening(speaksHTTP, s.call.Asked))
	if h.wordless() {
		return speaksUWSGI, h
	}
	return recognise(h.data), h
}

// identify tries other protocols on something that did not answer to one. HTTP is the first, since many
// servers of it wait for more, or answer in some other way, where they do not understand. The others are
// for what closes the connection without a word, as long as it does.
func (s *speaker) identify(spoken string, last heard) (kind string) {
	for _, other := range []string{speaksHTTP, speaksTLS, speaksFastCGI, speaksUWSGI, speaksHTTP2} {
		if other == spoken {
			continue
		}
		if other != speaksHTTP && !last.wordless() {
			return ""
		}
		if kind, last = s.try(other); kind != "" {
			return kind
		}
	}
	return ""
}

// try says what answers on a plain connection to the first words of a protocol. In the answer to those of
// uwsgi HTTP means uwsgi, since HTTP has been tried before.
func (s *speaker) try(protocol string) (kind string, h heard) {
	conn, err := s.dial()
	if err != nil {
		return "", heard{}
	}
	if protocol == speaksTLS {
		shaken := s.shake(conn, s.sni())
		return shaken.speaks(), shaken.heard
	}
	h = s.exchange(conn, opening(protocol, s.call.Asked))
	switch kind = recognise(h.data); {
	case kind == speaksHTTP && protocol == speaksUWSGI:
		return speaksUWSGI, h
	case kind == speaksHTTP && s.wantsTLS(status(h.data)):
		return speaksTLS, h
	}
	return kind, h
}
