package cli

import (
	"os"

	"chaperone/config"
	"chaperone/internal/document"
	"chaperone/internal/engine"
)

// readPDF is the one argument with which the program reads a PDF for itself,
// apart from everything else: see document.ReadPDF.
const readPDF = "read-pdf"

// files says how files are read that people post.
func files(f config.FileReading) engine.Files {
	out := engine.Files{Most: f.Most(), Limits: document.DefaultLimits}
	for _, k := range f.Kinds {
		out.Kinds = append(out.Kinds, document.Kind(k))
	}
	if self, err := os.Executable(); err == nil {
		out.Limits.PDF = []string{self, os.Args[0], readPDF}
	}
	return out
}
