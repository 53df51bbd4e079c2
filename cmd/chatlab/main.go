// Command chatlab serves test platforms in one process: each speaks its
// platform's own protocols on loopback, so that unmodified client libraries
// connect to it, and a control API tells what people do there, what clients did
// and what is to go wrong.
//
//	chatlab --slack 127.0.0.1:0 --whatsapp 127.0.0.1:0 --control 127.0.0.1:0 [--seed FILE]
//
// It prints one line for each address, such as "slack http://127.0.0.1:41001",
// and then "ready". A platform whose address is not given is not served. The
// control API of a platform is below its name, as in
//
//	curl -d '{"name":"sam"}' http://CONTROL/slack/people
//
// and GET / on the control address shows all of it with examples. It is a test
// tool: nothing that it serves is kept.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

// platform is one test platform, made from what a seed file says of it.
type platform struct {
	name    string
	what    string // for the help
	open    func(seed []byte) (running, error)
	address *string
}

// running is a platform that is served. A platform that does not speak HTTP
// alone takes the connections of its address in serve.
type running struct {
	serve   func(net.Listener) error
	control http.Handler
	doc     string
	close   func()
}

// platforms are all that can be served. Another one is one more line here.
func platforms() []platform {
	return []platform{
		{name: "slack", what: "Slack: Web API, Socket Mode, signed events", open: openSlack},
		{name: "discord", what: "Discord: its HTTP interface and its gateway", open: openDiscord},
		{name: "whatsapp", what: "WhatsApp: linked devices, end-to-end encrypted", open: openWhatsApp},
	}
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "chatlab:", err)
		os.Exit(1)
	}
}

// run serves until ctx ends.
func run(ctx context.Context, args []string, out io.Writer) error {
	set := flag.NewFlagSet("chatlab", flag.ContinueOnError)
	all := platforms()
	for i, p := range all {
		all[i].address = set.String(p.name, "", "`address` to serve "+p.what)
	}
	control := set.String("control", "127.0.0.1:0", "`address` of the control API")
	seedFile := set.String("seed", "", "JSON `file` with what is there from the beginning, by platform")
	if err := set.Parse(args); err != nil {
		return err
	}
	seeds, err := readSeed(*seedFile)
	if err != nil {
		return err
	}
	mux, docs := http.NewServeMux(), []string{}
	failed := make(chan error, len(all)+1)
	for _, p := range all {
		if *p.address == "" {
			continue
		}
		r, err := p.open(seeds[p.name])
		if err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
		defer r.close()
		ln, err := net.Listen("tcp", *p.address)
		if err != nil {
			return err
		}
		defer ln.Close()
		fmt.Fprintf(out, "%s http://%s\n", p.name, ln.Addr())
		go func() { failed <- r.serve(ln) }()
		mux.Handle("/"+p.name+"/", http.StripPrefix("/"+p.name, r.control))
		docs = append(docs, "Below /"+p.name+":\n\n"+r.doc)
	}
	if len(docs) == 0 {
		return errors.New("no platform is to be served: say for example --slack 127.0.0.1:0")
	}
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, strings.Join(docs, "\n")) })
	ln, err := net.Listen("tcp", *control)
	if err != nil {
		return err
	}
	defer ln.Close()
	fmt.Fprintf(out, "control http://%s\nready\n", ln.Addr())
	go func() { failed <- overHTTP(mux)(ln) }()
	select {
	case <-ctx.Done():
		return nil
	case err := <-failed:
		return err
	}
}

// overHTTP serves a handler.
func overHTTP(h http.Handler) func(net.Listener) error {
	return (&http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second}).Serve
}
