package house

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// licences that may be linked into a program under GPL-3.0-or-later, each with
// words that only its text has.
var licences = []struct{ name, words string }{
	{"Apache-2.0", "Apache License"},
	{"MPL-2.0", "Mozilla Public License"},
	{"GPL-3.0", "GNU GENERAL PUBLIC LICENSE Version 3"},
	{"MIT", "Permission is hereby granted, free of charge"},
	{"BSD", "Redistribution and use in source and binary forms"},
	{"ISC", "Permission to use, copy, modify, and/or distribute"},
	{"ISC", "Permission to use, copy, modify, and distribute this software"},
	{"Unlicense", "This is free and unencumbered software released into the public domain"},
	{"CC0-1.0", "CC0 1.0 Universal"},
}

func TestEveryLinkedModuleHasALicenceThatFits(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", "-json=Module", "../../cmd/chaperone").Output()
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]string{}
	d := json.NewDecoder(strings.NewReader(string(out)))
	for {
		var p struct {
			Module *struct {
				Path, Dir string
				Main      bool
			}
		}
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		if p.Module == nil || p.Module.Main || seen[p.Module.Path] != "" {
			continue
		}
		seen[p.Module.Path] = licence(p.Module.Dir)
		if seen[p.Module.Path] == "" {
			t.Errorf("%s: its licence is not one that is known to fit GPL-3.0-or-later", p.Module.Path)
			seen[p.Module.Path] = "?"
		}
	}
	if len(seen) < 5 {
		t.Errorf("only %d modules were looked at", len(seen))
	}
	t.Log(seen)
}

// licence names the licence of the module in a folder; empty when unknown.
func licence(dir string) string {
	for _, pattern := range []string{"LICENSE*", "LICENCE*", "COPYING*", "license*"} {
		files, _ := filepath.Glob(filepath.Join(dir, pattern)) // the patterns are sound
		for _, f := range files {
			b, err := os.ReadFile(f)
			if err != nil {
				continue
			}
			text := strings.Join(strings.Fields(string(b)), " ")
			for _, l := range licences {
				if strings.Contains(text, l.words) {
					return l.name
				}
			}
		}
	}
	return ""
}
