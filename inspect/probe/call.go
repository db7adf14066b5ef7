package probe

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"time"

	"why502/inspect"
)

const (
	maxDials = 8
	dialWait = time.Second // for a connection, at most
)

// Error numbers that a dial has without the kernel.
const (
	timedOut    = 110 // Linux's ETIMEDOUT, whatever this runs on
	noSuchErrno = -1  // it failed in a way that has no number
)

// call does what a pass does: looks up, connects, speaks.
func call(ctx context.Context, c inspect.Call) (*inspect.Reply, error) {
	if err := sendable(c); err != nil {
		return nil, err
	}
	reply := &inspect.Reply{Lookups: lookups(ctx, c.Host, c.Resolvers)}
	if c.Port == 0 || ctx.Err() != nil {
		return reply, outOfTime(ctx)
	}
	to := addresses(c.Host, reply.Lookups)
	if reply.Lookups != nil {
		to = nearby(to, ownNetworks())
	}
	attempts := dialAll(ctx, to, c.Port, c.Wait)
	for _, a := range attempts {
		reply.Dials = append(reply.Dials, a.Dial)
	}
	if err := outOfTime(ctx); err != nil {
		hangUp(attempts)
		return nil, err
	}
	first := slices.IndexFunc(attempts, attempt.connected)
	if first < 0 || c.Scheme == "" {
		hangUp(attempts)
		return reply, nil
	}
	hangUp(attempts[first+1:])
	reply.Talk = talk(ctx, c, attempts[first])
	return reply, nil
}

// outOfTime is the error of a question that its time did not suffice for: what is seen after it ended is
// not what a pass would meet.
func outOfTime(ctx context.Context) error {
	if ctx.Err() == nil {
		return nil
	}
	return errors.New("no answer in time")
}

// addresses are those to connect to: the host itself, or all that the lookups gave.
func addresses(host string, lookups []inspect.Lookup) (all []string) {
	if lookups == nil {
		return []string{host}
	}
	for _, l := range lookups {
		for _, address := range l.Addresses {
			if !slices.Contains(all, address) {
				all = append(all, address)
			}
		}
	}
	return all[:min(len(all), maxDials)]
}

// nearby are the addresses that a container may have: private ones, and those of the networks here. A name that
// should be that of a service may lead out into the internet, where nobody is spoken to.
func nearby(addresses []string, networks []netip.Prefix) []string {
	return slices.DeleteFunc(addresses, func(text string) bool {
		a, err := netip.ParseAddr(text)
		here := slices.ContainsFunc(networks, func(n netip.Prefix) bool { return n.Contains(a) })
		return err != nil || a.IsGlobalUnicast() && !a.IsPrivate() && !here
	})
}

// attempt is a dial, and its connection where there is one.
type attempt struct {
	inspect.Dial
	conn net.Conn
	wait time.Duration
}

func (a attempt) connected() bool { return a.conn != nil }

// dialAll connects to all addresses at once. A wait of 0, or one that is too long, is the longest.
func dialAll(ctx context.Context, addresses []string, port int, wait time.Duration) []attempt {
	if wait <= 0 || wait > dialWait {
		wait = dialWait
	}
	return parallel(addresses, func(address string) attempt {
		start := time.Now()
		conn, err := dial(ctx, address, port, wait)
		return attempt{inspect.Dial{Address: address, Errno: errno(err), Took: time.Since(start)}, conn, wait}
	})
}

func dial(ctx context.Context, address string, port int, wait time.Duration) (net.Conn, error) {
	dialer := net.Dialer{Timeout: wait, KeepAlive: -1}
	return dialer.DialContext(ctx, "tcp", net.JoinHostPort(address, strconv.Itoa(port)))
}

// hangUp closes the connections of attempts.
func hangUp(attempts []attempt) {
	for _, a := range attempts {
		if a.connected() {
			a.conn.Close()
		}
	}
}

// errno is the number of a dial's error, 0 for none.
func errno(err error) int {
	var number syscall.Errno
	switch {
	case err == nil:
		return 0
	case errors.As(err, &number):
		return int(number)
	case isTimeout(err):
		return timedOut
	}
	return noSuchErrno
}

func isTimeout(err error) bool {
	var failure net.Error
	return errors.Is(err, os.ErrDeadlineExceeded) || errors.As(err, &failure) && failure.Timeout()
}

// parallel does something to each of a few items at once. A panic comes out where it is called.
func parallel[T, R any](items []T, do func(T) R) []R {
	results := make([]R, len(items))
	panics := make(chan any, len(items))
	var group sync.WaitGroup
	for i, item := range items {
		group.Go(func() {
			defer func() {
				if failure := recover(); failure != nil {
					panics <- failure
				}
			}()
			results[i] = do(item)
		})
	}
	group.Wait()
	select {
	case failure := <-panics:
		panic(failure)
	default:
		return results
	}
}
