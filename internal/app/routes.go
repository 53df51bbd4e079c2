package app

import (
	"net/http"

	"chaperone/internal/record/folder"
)

// routes joins what is served.
func (a *App) routes(_ *folder.Filer) http.Handler {
	mux := http.NewServeMux()
	if a.practice != nil {
		mux.Handle("/practice/v1/", a.practice.Handler())
	}
	return mux
}
