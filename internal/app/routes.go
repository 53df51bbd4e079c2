package app

import "net/http"

// routes joins what is served, behind one guard.
func (a *App) routes() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", a.console.Handler())
	if a.practice != nil {
		mux.Handle("/practice/", a.practice.Handler())
	}
	return a.console.Guard(mux)
}
