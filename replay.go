package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"syscall"

	"why502/inspect/recording"
)

// replay reads a record; - is standard input.
func (p *program) replay(name string) (*recording.Record, error) {
	if name == "-" {
		return readRecord("standard input", p.stdin)
	}
	f, err := openNow(name)
	if err != nil {
		return nil, cannotRead(strconv.Quote(name), err)
	}
	defer f.Close()
	return readRecord(strconv.Quote(name), f)
}

// openNow opens a file to read it. Of a pipe that nobody writes to there is nothing, rather than a wait for ever.
func openNow(name string) (*os.File, error) {
	return os.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
}

func readRecord(name string, from io.Reader) (*recording.Record, error) {
	text, err := io.ReadAll(io.LimitReader(from, recording.MaxSize+1))
	if err != nil {
		return nil, cannotRead(name, err)
	}
	r, err := recording.Decode(text)
	if err != nil {
		return nil, wrong("a record is what why502 --record FILE writes", "cannot replay %s: %w", name, err)
	}
	return r, nil
}

func cannotRead(name string, err error) error {
	if of, ok := errors.AsType[*fs.PathError](err); ok {
		err = of.Err
	}
	return fmt.Errorf("cannot read %s: %w", name, err)
}
