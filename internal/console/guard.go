package console

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"net"
	"net/http"
	"strings"
)

//go:embed assets/*
var assets embed.FS

// policy lets a page load our own files and talk to us, and nothing else.
const policy = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// Guard stands before everything that is served. A page of another site can
// neither send a request nor, under a name that it lets point at this machine,
// read an answer.
func (c *Console) Guard(next http.Handler) http.Handler {
	next = http.NewCrossOriginProtection().Handler(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
		if c.o.Door != nil && c.o.Door.https() {
			h.Set("Strict-Transport-Security", "max-age=31536000")
		}
		if !loopback(r.Host) && !c.o.Door.at(r.Host) {
			h.Set("Cache-Control", "no-store")
			http.Error(w, c.o.Door.where()+" Open it there. Nothing was changed.", http.StatusMisdirectedRequest)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// at reports whether a Host header names the address that was configured.
func (d *Door) at(host string) bool {
	return d != nil && strings.EqualFold(strings.TrimSuffix(host, ":443"), strings.TrimSuffix(d.o.Base.Host, ":443"))
}

// where says where the console answers.
func (d *Door) where() string {
	if d == nil || !d.https() {
		return "The console answers only on the machine it runs on, such as at http://127.0.0.1 and its port."
	}
	return "The console answers at " + d.o.Base.String() + "/ and nowhere else. A proxy before it has to pass the Host header on as it came."
}

// loopback reports whether a Host header names this very machine.
func loopback(hostport string) bool {
	host, _, err := net.SplitHostPort(hostport)
	if err != nil {
		host = strings.Trim(hostport, "[]")
	}
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// stylePath is the address of the style sheet.
func stylePath() string { return assetPath("chaperone.css") }

// assetPath is the address of a file of ours. It changes with its content, so
// that browsers may keep it.
func assetPath(name string) string {
	b, err := assets.ReadFile("assets/" + name)
	if err != nil {
		panic(err) // it is embedded
	}
	sum := sha256.Sum256(b)
	return "/assets/" + name + "?" + hex.EncodeToString(sum[:8])
}

func asset(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "max-age=31536000, immutable")
	http.FileServerFS(assets).ServeHTTP(w, r)
}
