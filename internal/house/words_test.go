package house

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// american spots spellings that are not British. Headers, styles and file
// names that others have fixed are not prose and are not looked at.
var american = regexp.MustCompile(`(?i)\b(organiz|recogniz|authoriz(e|ing)|analyz|summariz|normaliz|initializ|minimiz|behavior|color\b|center|favor|canceled|canceling|labeled|gray\b|fulfill\b|enroll\b|catalog\b|judgment)\w*`)

func TestPeopleReadBritishSpelling(t *testing.T) {
	look := func(where, text string) {
		for i, line := range strings.Split(text, "\n") {
			if w := american.FindString(line); w != "" {
				t.Errorf("%s:%d: %q is not British spelling", where, i+1, w)
			}
		}
	}
	for _, f := range sources(t) {
		for _, c := range f.ast.Comments {
			look(f.name, c.Text())
		}
	}
	root := filepath.Join("..", "..")
	read := 0
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "testdata" || (strings.HasPrefix(d.Name(), ".") && d.Name() != "..")) {
			return filepath.SkipDir
		}
		prose := strings.HasSuffix(p, ".md") || strings.HasPrefix(p, filepath.Join(root, "config")) && strings.HasSuffix(p, ".yaml")
		page := strings.HasSuffix(p, ".html")
		if d.IsDir() || !prose && !page {
			return nil
		}
		read++
		b, err := os.ReadFile(p)
		if page {
			b = regexp.MustCompile(`(?s)<style>.*?</style>|<[^>]*>`).ReplaceAll(b, nil)
		}
		look(p, string(b))
		return err
	})
	if err != nil || read < 10 {
		t.Fatalf("only %d texts were read: %v", read, err)
	}
}
