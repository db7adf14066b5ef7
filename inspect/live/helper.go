package live

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"

	"why502/inspect"
	"why502/inspect/probe"
)

const (
	// labelHelper is how a later run knows a helper that was never started: only its client was to
	// remove it, and that is gone.
	labelHelper = "why502.probe"

	// stale is the age from which on a helper that was not started has no client any more.
	stale = time.Minute

	// program is the path of the executable in a helper.
	program = "/why502-probe"

	// nobody owns no file, and needs none to open connections and to read /proc.
	nobody = "65534:65534"

	maxMemory  = 64 << 20
	maxThreads = 64 // Go's runtime takes some ten

	// grace is how long a step that must not be left half done may take after the time is up.
	grace = time.Second

	// maxAnswers is more than the answers to all calls of a proxy.
	maxAnswers = 8 << 20
)

// helper is a container of our own that stands beside one of the project's: it shares that one's
// network, or sees its processes, but has nothing else of it.
type helper struct {
	*daemon
	name string
}

// send makes a helper, has it do its job, and sees to it that nothing of it is left, however that ends.
func (d *daemon) send(ctx context.Context, beside container.InspectResponse, questions []inspect.Question) ([]probe.Answer, error) {
	h := helper{d, "why502-" + strings.ToLower(rand.Text()[:16])}
	d.wire.own.Store(h.name, true)
	if err := h.create(ctx, beside, questions); err != nil {
		if !isAnswer(err) { // it may have been made all the same
			h.remove(ctx)
		}
		return nil, h.trouble(err, "be created")
	}
	answers, err := h.work(ctx, questions)
	if err != nil {
		h.remove(ctx)
	}
	return answers, err
}

// create makes the container. Where the time is up the answer is still waited for, or there would be a
// container that nobody removes.
func (h helper) create(ctx context.Context, beside container.InspectResponse, questions []inspect.Question) error {
	late, cancel := outlive(ctx)
	defer cancel()
	config, host := design(beside, questions)
	_, err := h.client.ContainerCreate(late, config, host, nil, nil, h.name)
	return errors.Join(ctx.Err(), err)
}

// design is a helper's configuration: nothing that Compose gave the container that it stands beside,
// and of the image as little as the API lets one leave out. Image is that container's id, which is
// there even where its name means another one now.
func design(beside container.InspectResponse, questions []inspect.Question) (*container.Config, *container.HostConfig) {
	config := &container.Config{
		Image:        beside.Image,
		Entrypoint:   []string{program},
		Cmd:          []string{"probe"},
		User:         nobody,
		WorkingDir:   "/",
		AttachStdin:  true,
		AttachStdout: true,
		AttachStderr: true,
		OpenStdin:    true,
		StdinOnce:    true,
		Healthcheck:  &container.HealthConfig{Test: []string{"NONE"}},
		// An image that Compose built has these, and the helper is no container of the project.
		Labels: map[string]string{labelHelper: "1", labelProject: "", labelService: "", "com.docker.compose.version": ""},
	}
	for _, variable := range beside.Config.Env {
		name, _, _ := strings.Cut(variable, "=")
		config.Env = append(config.Env, name) // without a value it is removed
	}
	limit := int64(maxThreads)
	host := &container.HostConfig{
		NetworkMode: "none",
		AutoRemove:  true,
		CapDrop:     []string{"ALL"},
		SecurityOpt: []string{"no-new-privileges"},
		LogConfig:   container.LogConfig{Type: "none"},
		Resources:   container.Resources{Memory: maxMemory, PidsLimit: &limit},
		Tmpfs:       map[string]string{}, // else each VOLUME of the image were a volume, filled from the image
	}
	for path := range beside.Config.Volumes {
		host.Tmpfs[path] = ""
	}
	for _, q := range questions {
		if q.Kind == inspect.AskMounts {
			host.PidMode = container.PidMode("container:" + beside.ID)
		} else {
			host.NetworkMode = container.NetworkMode("container:" + beside.ID)
		}
	}
	return config, host
}

// work puts the program into the helper, starts it, and asks it.
func (h helper) work(ctx context.Context, questions []inspect.Question) ([]probe.Answer, error) {
	if err := h.fill(ctx); err != nil {
		return nil, h.trouble(err, "be filled")
	}
	conn, err := h.attach(ctx)
	if err != nil {
		return nil, h.trouble(err, "be attached to")
	}
	defer conn.Close()
	if err := h.client.ContainerStart(ctx, h.name, container.StartOptions{}); err != nil {
		return nil, h.trouble(err, "be started")
	}
	return h.ask(ctx, conn, questions)
}

// fill copies the executable into the helper.
func (h helper) fill(ctx context.Context) error {
	file, err := os.Open(h.helpers.executable)
	if err != nil {
		return err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	r, w := io.Pipe()
	defer r.Close() // ends the writer
	go func() {
		archive := tar.NewWriter(w)
		err := archive.WriteHeader(&tar.Header{Name: program[1:], Mode: 0o555, Size: info.Size()})
		if err == nil {
			_, err = io.Copy(archive, file)
		}
		w.CloseWithError(errors.Join(err, archive.Close()))
	}()
	return h.client.CopyToContainer(ctx, h.name, "/", r, container.CopyToContainerOptions{})
}

// attach connects to the helper's standard streams. The client has a call for that, but one that
// goes past the wire.
func (h helper) attach(ctx context.Context) (io.ReadWriteCloser, error) {
	at := h.base.JoinPath("v"+h.client.ClientVersion(), "containers", h.name, "attach")
	at.RawQuery = "stream=1&stdin=1&stdout=1&stderr=1"
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, at.String(), nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Connection", "Upgrade")
	request.Header.Set("Upgrade", "tcp")
	response, err := h.wire.RoundTrip(request)
	if err != nil {
		return nil, err
	}
	if conn, ok := response.Body.(io.ReadWriteCloser); ok && response.StatusCode == http.StatusSwitchingProtocols {
		return conn, nil
	}
	defer response.Body.Close()
	said, _ := io.ReadAll(io.LimitReader(response.Body, lineBytes))
	return nil, fmt.Errorf("status %d: %s", response.StatusCode, said)
}

// ask gives the job and waits for the answers. The connection stays open meanwhile: its end, by
// whatever means, ends the helper.
func (h helper) ask(ctx context.Context, conn io.ReadWriteCloser, questions []inspect.Question) ([]probe.Answer, error) {
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	err := json.NewEncoder(conn).Encode(probe.Job{Questions: questions, Life: life(ctx)})
	if err != nil {
		return nil, h.trouble(errors.Join(ctx.Err(), err), "be asked")
	}
	raw, err := io.ReadAll(io.LimitReader(conn, maxAnswers))
	if ctx.Err() != nil {
		return nil, h.trouble(ctx.Err(), "be waited for")
	}
	answers, wrong := understand(raw, len(questions))
	if wrong != nil && err != nil {
		return nil, h.trouble(err, "be heard")
	}
	return answers, wrong
}

// understand reads what a helper wrote: to the first stream the answers, to the second what went wrong.
func understand(raw []byte, wanted int) ([]probe.Answer, error) {
	var out, complaint bytes.Buffer
	for stream, text := range frames(raw) {
		if stream == 2 {
			complaint.Write(text)
		} else {
			out.Write(text)
		}
	}
	var answers []probe.Answer
	if err := json.Unmarshal(out.Bytes(), &answers); err != nil || len(answers) != wanted {
		text := "the probe ended without its answers"
		if complaint.Len() > 0 {
			text += ": " + oneLine(complaint.String())
		}
		return nil, &Error{text: text, cause: err}
	}
	return answers, nil
}

// remove removes the helper, whatever state it is in and however this run ends.
func (h helper) remove(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	h.client.ContainerRemove(ctx, h.name, container.RemoveOptions{Force: true, RemoveVolumes: true})
}

// sweep removes helpers that were never started, because a run was killed in between.
func (d *daemon) sweep(ctx context.Context) {
	found, err := d.client.ContainerList(ctx, container.ListOptions{
		All:     true,
		Filters: filters.NewArgs(filters.Arg("label", labelHelper+"=1"), filters.Arg("status", container.StateCreated)),
	})
	if err != nil || d.wire.date.IsZero() {
		return
	}
	for _, c := range found {
		if c.Labels[labelHelper] == "1" && c.State == container.StateCreated && d.wire.date.Sub(time.Unix(c.Created, 0)) > stale {
			d.wire.own.Store(c.ID, true)
			helper{d, c.ID}.remove(ctx)
		}
	}
}

// trouble says in one line what went wrong with a helper, which could not do something.
func (h helper) trouble(err error, step string) *Error {
	if known, ok := errors.AsType[*Error](err); ok && known.refused {
		return known
	}
	e := &Error{cause: err}
	switch text := err.Error(); {
	case isTimeout(err):
		e.text, e.hint = "the probe did not answer in time", hintLonger
	case errors.Is(err, context.Canceled):
		return explain(h.where.host, err)
	case strings.Contains(text, "of a non running container"), strings.Contains(text, "is restarting, wait until"):
		e.text = "it stopped before the probe could join it"
	default:
		e.text = fmt.Sprintf("the probe's container cannot %s: %s", step, explain(h.where.host, err).Error())
	}
	return e
}

// isAnswer says whether an error is what the daemon said, and not that it said nothing.
func isAnswer(err error) bool {
	unknown := isTimeout(err) || errors.Is(err, context.Canceled) || isCut(err)
	return !unknown
}

// outlive is a context that ends a grace after another.
func outlive(ctx context.Context) (context.Context, context.CancelFunc) {
	late, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(grace, cancel) })
	return late, func() { stop(); cancel() }
}

// early is a context that ends before another, so that there is time to clean up and to go on.
func early(ctx context.Context) (context.Context, context.CancelFunc) {
	end, ok := ctx.Deadline()
	if !ok {
		return context.WithTimeout(ctx, longest)
	}
	return context.WithDeadline(ctx, end.Add(-min(time.Until(end)/5, grace)))
}

// life is how long a helper may work: until the context ends, less the time that its answers take.
func life(ctx context.Context) time.Duration {
	end, ok := ctx.Deadline()
	if !ok {
		return longest
	}
	left := time.Until(end)
	return left - min(left/5, grace/2)
}
