package rules

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"go.yaml.in/yaml/v4"
)

// Lesson is an invented text that a rule is to find, or to leave alone, from now
// on; and words that rule a finding out.
type Lesson struct {
	Rule      string
	Hit, Miss string
	Never     []string
}

// learnedFile holds what was taught to built-in rules.
const learnedFile = "learned.yaml"

// Teach adds a lesson to a rule in the organisation's directory: in the file
// that has the rule, or in one of its own. Nothing is written unless all rules
// load with it and prove finds that every example holds. It gives the file and
// the rule as it now is.
func Teach(dir string, l Lesson, prove func([]Rule) error) (string, Rule, error) {
	list, err := LoadDir(dir)
	if err != nil {
		return "", Rule{}, err
	}
	r, ok := byID(list, l.Rule)
	if !ok {
		return "", r, fmt.Errorf("there is no rule %q that is on; chaperone rules list shows them all", l.Rule)
	}
	if slices.Contains(r.Examples.Hit, l.Hit) || slices.Contains(r.Examples.Miss, l.Miss) {
		return "", r, errors.New("the rule has this example already")
	}
	name := filepath.Join(dir, learnedFile)
	if filepath.Dir(r.File) == filepath.Clean(dir) {
		name = r.File
	}
	data, err := os.ReadFile(name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", r, err
	}
	if data, err = taught(data, r, l); err != nil {
		return "", r, err
	}
	if r, err = tried(dir, filepath.Base(name), data, l.Rule, prove); err != nil {
		return "", r, err
	}
	tmp := name + ".new"
	if err := os.WriteFile(tmp, data, 0o644); err != nil { //nolint:gosec // rules hold nothing but invented texts
		return "", r, err
	}
	return name, r, os.Rename(tmp, name)
}

func byID(list []Rule, id string) (Rule, bool) {
	i := slices.IndexFunc(list, func(r Rule) bool { return r.ID == id })
	if i < 0 {
		return Rule{}, false
	}
	return list[i], true
}

// tried loads and proves the directory as it would be.
func tried(dir, name string, data []byte, id string, prove func([]Rule) error) (Rule, error) {
	scratch, err := os.MkdirTemp("", "chaperone-rules-")
	if err != nil {
		return Rule{}, err
	}
	defer os.RemoveAll(scratch)
	files, err := os.ReadDir(dir)
	if err != nil {
		return Rule{}, err
	}
	for _, f := range files {
		if f.Name() == name || !f.Type().IsRegular() {
			continue
		}
		b, err := os.ReadFile(filepath.Join(dir, f.Name()))
		if err == nil {
			err = os.WriteFile(filepath.Join(scratch, f.Name()), b, 0o600)
		}
		if err != nil {
			return Rule{}, err
		}
	}
	if err := os.WriteFile(filepath.Join(scratch, name), data, 0o600); err != nil {
		return Rule{}, err
	}
	list, err := LoadDir(scratch)
	if err == nil {
		err = prove(list)
	}
	r, _ := byID(list, id)
	return r, err
}

// taught is a file with the lesson in it. What people wrote there stays, their
// comments too.
func taught(data []byte, r Rule, l Lesson) ([]byte, error) {
	var doc yaml.Node
	if len(bytes.TrimSpace(data)) == 0 {
		data = []byte("# What was taught by answers: chaperone rules example\nrules: []\n")
	}
	if err := yaml.Unmarshal(data, &doc); err != nil || len(doc.Content) == 0 || doc.Content[0].Kind != yaml.MappingNode {
		return nil, errors.New("the file of the rule cannot be read as YAML")
	}
	entries := child(doc.Content[0], "rules", yaml.SequenceNode)
	entries.Style = 0
	i := slices.IndexFunc(entries.Content, func(n *yaml.Node) bool { return scalar(n, "id") == r.ID })
	if i < 0 {
		entry := &yaml.Node{Kind: yaml.MappingNode}
		entry.Content = append(entry.Content, word("id"), word(r.ID), word("override"), &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!bool", Value: "true"})
		entries.Content, i = append(entries.Content, entry), len(entries.Content)
	}
	entry := entries.Content[i]
	if l.Hit != "" {
		add(child(entry, "examples", yaml.MappingNode), "hit", r.Examples.Hit, l.Hit)
	}
	if l.Miss != "" {
		add(child(entry, "examples", yaml.MappingNode), "miss", r.Examples.Miss, l.Miss)
	}
	for _, w := range l.Never {
		add(child(entry, "context", yaml.MappingNode), "never", r.Context.Never, w)
	}
	var out bytes.Buffer
	e := yaml.NewEncoder(&out)
	e.SetIndent(2)
	err := errors.Join(e.Encode(&doc), e.Close())
	return out.Bytes(), err
}

// add puts one more text at the end of a list. A list that is not written there
// begins with what the rule has from elsewhere.
func add(in *yaml.Node, key string, before []string, text string) {
	list := child(in, key, yaml.SequenceNode)
	if len(list.Content) == 0 {
		for _, b := range before {
			list.Content = append(list.Content, quoted(b))
		}
	}
	list.Content = append(list.Content, quoted(text))
}

// child gives the value of a key, made where there is none.
func child(in *yaml.Node, key string, kind yaml.Kind) *yaml.Node {
	for i := 0; i+1 < len(in.Content); i += 2 {
		if in.Content[i].Value == key && in.Content[i+1].Kind == kind {
			return in.Content[i+1]
		}
	}
	n := &yaml.Node{Kind: kind}
	in.Content = append(in.Content, word(key), n)
	return n
}

func scalar(in *yaml.Node, key string) string {
	for i := 0; in.Kind == yaml.MappingNode && i+1 < len(in.Content); i += 2 {
		if in.Content[i].Value == key {
			return in.Content[i+1].Value
		}
	}
	return ""
}

func word(s string) *yaml.Node { return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: s} }

func quoted(s string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: s, Style: yaml.DoubleQuotedStyle}
}
