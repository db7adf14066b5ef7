package probe

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"errors"
	"io"
	"math/big"
	"net"
	"net/http"
	"reflect"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"why502/inspect"
)

// selfSigned is a certificate with a common name alone, good for two days.
func selfSigned(t *testing.T, name string) *x509.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(0, 0, 2),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return certificate
}

// run gives a probe a job, on an input that stays open, and reads its answers.
func run(t *testing.T, job Job) (answers []Answer) {
	t.Helper()
	in, client := io.Pipe()
	defer client.Close()
	go json.NewEncoder(client).Encode(job)
	var out bytes.Buffer
	if err := Run(t.Context(), in, &out); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(out.Bytes(), &answers); err != nil {
		t.Fatal(err)
	}
	return answers
}

func about(kind inspect.QuestionKind, c inspect.Call) inspect.Question {
	return inspect.Question{Kind: kind, Of: "c1", Call: c}
}

// Each question has its answer, in the order of the questions, more of them than are at work at once.
func TestRun(t *testing.T) {
	port := httpServer(t, hello)
	dead := listener(t)
	dead.Close()
	questions := []inspect.Question{
		about(inspect.AskLog, inspect.Call{}),
		about(inspect.AskCall, inspect.Call{Asked: "a\nb"}),
		about(inspect.AskCall, inspect.Call{Host: "127.0.0.1", Port: portOf(dead.Addr()), Scheme: "http"}),
	}
	for range 2 * maxAtOnce {
		questions = append(questions, about(inspect.AskCall, inspect.Call{Host: "127.0.0.1", Port: port, Scheme: "http", Asked: "api", Wait: time.Second}))
	}
	answers := run(t, Job{Questions: questions, Life: 10 * time.Second})
	if len(answers) != len(questions) {
		t.Fatalf("%d answers", len(answers))
	}
	for i, a := range answers {
		if !reflect.DeepEqual(a.Question, questions[i]) || (a.Failed == "") != (i >= 2) || (a.Reply != nil) != (i >= 2) {
			t.Errorf("answer %d: %+v", i, a)
		}
		if i > 2 && (a.Reply.Talk.Status != 200 || a.Reply.Dials[0].Errno != 0 || a.Reply.Lookups != nil) {
			t.Errorf("reply %d: %+v", i, a.Reply)
		}
	}
	if refused := answers[2].Reply.Dials[0]; runtime.GOOS == "linux" && refused.Errno != 111 {
		t.Errorf("refused: %+v", refused)
	}
}

// All addresses are dialled, the first that takes a connection is spoken to, and that only where there is
// a scheme.
func TestCall(t *testing.T) {
	spoken := httpServer(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Host == "unspoken" {
			t.Error("it was spoken to")
		}
	}))
	server := dnsServer(t, 0, map[string][]record{"api.": {{"a", "127.0.0.1"}, {"aaaa", "::1"}, {"a", "127.0.0.1"}}})
	for scheme, want := range map[string]int{"http": 200, "": 0} {
		host := map[string]string{"http": "api", "": "unspoken"}[scheme]
		reply, err := call(t.Context(), inspect.Call{Host: "api", Port: spoken, Resolvers: server, Scheme: scheme, Asked: host, Wait: time.Minute})
		if err != nil || len(reply.Dials) != 2 || reply.Dials[0].Errno != 0 || reply.Dials[1].Address != "::1" || reply.Dials[1].Errno == 0 || reply.Talk.Status != want {
			t.Errorf("%q: %+v %v", scheme, reply, err)
		}
	}
	reply, err := call(t.Context(), inspect.Call{Host: "api", Resolvers: server})
	if err != nil || len(reply.Dials) != 0 || len(reply.Lookups) != 1 {
		t.Errorf("no port: %+v %v", reply, err)
	}
}

func TestRunReadsProc(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("there is no /proc")
	}
	port := portOf(listener(t).Addr())
	answers := run(t, Job{Questions: []inspect.Question{about(inspect.AskSockets, inspect.Call{}), about(inspect.AskMounts, inspect.Call{})}})
	found := false
	for _, s := range answers[0].Sockets {
		found = found || s == inspect.Socket{Address: "127.0.0.1", Port: port}
	}
	if !found {
		t.Errorf("port %d is not in %+v", port, answers[0])
	}
	if len(answers[1].Mounts) == 0 && answers[1].Failed == "" {
		t.Errorf("%+v", answers[1])
	}
}

// The end of the life ends the probe with what it knows, and the end of the input without.
func TestRunEnds(t *testing.T) {
	slow := about(inspect.AskCall, inspect.Call{Host: "app", Resolvers: dnsServer(t, 0, nil)})
	quick := about(inspect.AskCall, inspect.Call{Host: "127.0.0.1", Port: httpServer(t, hello), Scheme: "http"})
	answers := run(t, Job{Questions: []inspect.Question{slow, quick}, Life: 300 * time.Millisecond})
	if answers[0].Failed == "" || answers[0].Reply != nil || answers[1].Reply == nil || answers[1].Reply.Talk.Status != 200 {
		t.Errorf("%+v", answers)
	}
	job, err := json.Marshal(Job{Questions: []inspect.Question{slow}, Life: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	for name, in := range map[string]string{"job": string(job), "half": string(job[:20]), "nothing": ""} {
		var out bytes.Buffer
		if err := Run(t.Context(), strings.NewReader(in), &out); err == nil || out.Len() > 0 {
			t.Errorf("%s: error %v, output %q", name, err, out.String())
		}
	}
}

// A question that makes the probe fail costs no other its answer.
func TestAnswerSurvivesPanics(t *testing.T) {
	var nowhere context.Context // which whatever asks for its end stumbles over
	a := answer(nowhere, about(inspect.AskCall, inspect.Call{Host: "app", Resolvers: "127.0.0.1"}))
	if a.Failed == "" || a.Reply != nil {
		t.Errorf("%+v", a)
	}
}

func TestErrno(t *testing.T) {
	tests := []struct {
		err  error
		want int
	}{
		{nil, 0},
		{&net.OpError{Err: syscall.ECONNREFUSED}, int(syscall.ECONNREFUSED)},
		{&net.OpError{Err: context.DeadlineExceeded}, timedOut},
		{errors.New("?"), noSuchErrno},
	}
	for _, test := range tests {
		if got := errno(test.err); got != test.want {
			t.Errorf("%v: got %d, want %d", test.err, got, test.want)
		}
	}
}
