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
		if !loopback(r.Host) {
			h.Set("Cache-Control", "no-store")
			http.Error(w, "The console answers only on the machine it runs on, such as at http://127.0.0.1 and its port. "+
				"Open it there. Nothing was changed.", http.StatusMisdirectedRequest)
			return
		}
		next.ServeHTTP(w, r)
	})
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

// stylePath is the address of the style sheet. It changes with its content, so
// that browsers may keep it.
func stylePath() string {
	b, err := assets.ReadFile("assets/chaperone.css")
	if err != nil {
		panic(err) // it is embedded
	}
	sum := sha256.Sum256(b)
	return "/assets/chaperone.css?" + hex.EncodeToString(sum[:8])
}

func asset(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "max-age=31536000, immutable")
	http.FileServerFS(assets).ServeHTTP(w, r)
}
