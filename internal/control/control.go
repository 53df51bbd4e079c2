// Package control lets commands talk to the process that has the data folder
// open: one small table of named calls, JSON in and JSON out, over a socket
// that only the folder's owner can reach. The console's pages make the same
// calls, with the rights of whoever has signed in.
//
// It carries, and asks internal/access whether the caller may; it must not know
// what a call means, and never logs what it carries.
package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"chaperone/internal/access"
)

// Call is one named thing that can be asked for, and the right it needs. by is
// the name of the person who asks for it, empty where none was given.
type Call struct {
	Needs access.Right
	Do    func(ctx context.Context, by string, args json.RawMessage) (any, error)
}

// Table is everything that can be asked for. Commands and pages share it.
type Table map[string]Call

// Request is one thing that is asked for.
type Request struct {
	Call string          `json:"call"`
	By   string          `json:"by,omitempty"`
	Args json.RawMessage `json:"args,omitempty"`
}

// answer is what comes back.
type answer struct {
	Result json.RawMessage `json:"result,omitempty"`
	Error  string          `json:"error,omitempty"`
}

// ErrNobody means that no process listens in the folder.
var ErrNobody = errors.New("no Chaperone is running on this data folder")

// ErrNoCall means that there is no call of that name.
var ErrNoCall = errors.New("this version does not know that call")

const (
	socketFile = "control.sock"
	placeFile  = "control.path" // names the socket where the folder's path is too long for one
	longest    = 100            // bytes of a path that every system takes for a socket
	largest    = 4 << 20        // bytes of a request
	reading    = 10 * time.Second
)

// Do carries out a call for somebody who may make it; args become its JSON. The
// name that is kept with it is the caller's.
func (t Table) Do(ctx context.Context, who access.Caller, call string, args any) (json.RawMessage, error) {
	c, known := t[call]
	if !known {
		return nil, fmt.Errorf("%w: %q", ErrNoCall, call)
	}
	if err := who.Check(c.Needs); err != nil {
		return nil, err
	}
	in, err := json.Marshal(args)
	if err != nil {
		return nil, err
	}
	if string(in) == "null" {
		in = []byte("{}")
	}
	out, err := c.Do(ctx, who.Name, in)
	if err != nil {
		return nil, err
	}
	return json.Marshal(out)
}

// Server listens in one data folder.
type Server struct {
	dir, path string
	listener  net.Listener
	work      sync.WaitGroup
}

// Listen takes the place in the folder. The caller owns the folder, so what
// stands there is left over.
func Listen(dir string) (*Server, error) {
	s := &Server{dir: dir, path: filepath.Join(dir, socketFile)}
	if err := s.clear(); err != nil {
		return nil, err
	}
	if len(s.path) > longest {
		place, err := os.MkdirTemp("", "chaperone-")
		if err != nil {
			return nil, err
		}
		s.path = filepath.Join(place, socketFile)
		if err := os.WriteFile(filepath.Join(dir, placeFile), []byte(s.path+"\n"), 0o600); err != nil {
			return nil, errors.Join(err, os.Remove(place))
		}
	}
	var err error
	if s.listener, err = net.Listen("unix", s.path); err != nil {
		return nil, fmt.Errorf("control socket: %w", err)
	}
	return s, os.Chmod(s.path, 0o600)
}

// clear removes what an earlier process left.
func (s *Server) clear() error {
	old, err := place(s.dir)
	if err != nil {
		return err
	}
	for _, name := range []string{old, filepath.Join(s.dir, socketFile), filepath.Join(s.dir, placeFile)} {
		if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("control socket: %w", err)
		}
	}
	if filepath.Dir(old) != s.dir {
		_ = os.Remove(filepath.Dir(old)) // empty, and of no more use
	}
	return nil
}

// place is where the socket of a folder is.
func place(dir string) (string, error) {
	b, err := os.ReadFile(filepath.Join(dir, placeFile))
	if errors.Is(err, fs.ErrNotExist) {
		return filepath.Join(dir, socketFile), nil
	} else if err != nil {
		return "", fmt.Errorf("control socket: %w", err)
	}
	path := strings.TrimSpace(string(b))
	if !filepath.IsAbs(path) || filepath.Base(path) != socketFile {
		return "", fmt.Errorf("control socket: %s names no socket", filepath.Join(dir, placeFile))
	}
	return path, nil
}

// Serve answers requests until ctx ends, and returns when all are answered.
func (s *Server) Serve(ctx context.Context, t Table) error {
	stop := context.AfterFunc(ctx, func() { s.listener.Close() })
	defer stop()
	for {
		c, err := s.listener.Accept()
		if err != nil {
			s.work.Wait()
			if ctx.Err() != nil {
				err = nil
			}
			return errors.Join(err, s.clear())
		}
		s.work.Go(func() { serve(ctx, c, t) })
	}
}

// Close gives the place up, where Serve was never called.
func (s *Server) Close() error {
	return errors.Join(s.listener.Close(), s.clear())
}

// serve answers the one request of a connection. Whoever hangs up takes it
// back, as far as it is not done.
func serve(ctx context.Context, c net.Conn, t Table) {
	defer c.Close()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var q Request
	var a answer
	_ = c.SetReadDeadline(time.Now().Add(reading))
	if err := json.NewDecoder(io.LimitReader(c, largest)).Decode(&q); err != nil {
		a.Error = "the request is not understood"
	} else {
		_ = c.SetReadDeadline(time.Time{})
		go func() {
			var b [1]byte
			_, _ = c.Read(b[:]) // nothing more is sent: this ends when the other side does
			cancel()
		}()
		if a.Result, err = t.Do(ctx, access.Owner(q.By), q.Call, q.Args); err != nil {
			a.Error = err.Error()
		}
	}
	_ = json.NewEncoder(c).Encode(a) // the other side may be gone
}

// Ask asks the process that has the folder open. ErrNobody where there is none.
func Ask(ctx context.Context, dir string, q Request) (json.RawMessage, error) {
	path, err := place(dir)
	if err != nil {
		return nil, err
	}
	c, err := new(net.Dialer).DialContext(ctx, "unix", path)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED) || len(path) > longest {
		return nil, ErrNobody
	} else if err != nil {
		return nil, fmt.Errorf("control socket: %w", err)
	}
	defer c.Close()
	stop := context.AfterFunc(ctx, func() { c.Close() })
	defer stop()
	if err := json.NewEncoder(c).Encode(q); err != nil {
		return nil, fmt.Errorf("control socket: %w", err)
	}
	var a answer
	if err := json.NewDecoder(c).Decode(&a); err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, fmt.Errorf("the running Chaperone gave no answer: %w", err)
	}
	if a.Error != "" {
		return nil, errors.New(a.Error)
	}
	return a.Result, nil
}
