package main_test

import (
	"embed"
	"fmt"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"
)

// What people say in the generated month is data: frames, a line each, with
// {slots}, [one|of|these] and \n for a line break. " // " parts one thing that
// was said in several messages.
//
//go:embed testdata/month/*.txt
var monthFiles embed.FS

// frame is one way to say something.
type frame struct {
	id    string // the section and the number of the line in it
	chats map[string]bool
	text  string
}

// in reports whether people say it in chats of the kind.
func (f frame) in(kind string) bool { return f.chats["any"] || f.chats[kind] }

// readFrames reads the sections of a file. A section begins with
// "== NAME: CHATS", where CHATS are kinds of chat, "flood" (an emergency chat
// in the week of the emergency) or "any".
func readFrames(t testing.TB, file string) (out []frame) {
	t.Helper()
	seen := map[string]string{}
	var name string
	var chats map[string]bool
	n := 0
	for i, line := range monthLines(t, file) {
		if head, ok := strings.CutPrefix(line, "== "); ok {
			before, after, ok := strings.Cut(head, ": ")
			if !ok {
				t.Fatalf("%s, line %d: a section begins with == NAME: CHATS", file, i+1)
			}
			name, chats, n = before, map[string]bool{}, 0
			for c := range strings.FieldsSeq(after) {
				chats[c] = true
			}
			continue
		}
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		n++
		f := frame{id: fmt.Sprintf("%s/%d", name, n), chats: chats, text: strings.ReplaceAll(line, `\n`, "\n")}
		if other := seen[f.text]; other != "" {
			t.Fatalf("%s: %s says what %s says", file, f.id, other)
		}
		seen[f.text] = f.id
		out = append(out, f)
	}
	return out
}

func monthLines(t testing.TB, file string) []string {
	t.Helper()
	b, err := monthFiles.ReadFile("testdata/month/" + file)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(string(b), "\n")
}

// readWords reads the small grammar: "name: one | two | three" a line, where
// what is named may hold slots itself.
func readWords(t testing.TB, file string) map[string][]string {
	t.Helper()
	out := map[string][]string{}
	for i, line := range monthLines(t, file) {
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		name, list, ok := strings.Cut(line, ": ")
		if !ok {
			t.Fatalf("%s, line %d: a word is NAME: ONE | TWO", file, i+1)
		}
		for w := range strings.SplitSeq(list, " | ") {
			out[name] = append(out[name], strings.TrimSpace(w))
		}
	}
	return out
}

// piece is a stretch of a text. What is fixed has to arrive as it was made.
type piece struct {
	text  string
	fixed bool
}

// speaker fills frames in.
type speaker struct {
	rng              *rand.Rand
	words            map[string][]string
	staff            []*monthPerson
	plain, sensitive map[string]func(*speaker) string
	made             map[string]string // values that one thing said repeats: the name of the resident
	values           []string          // sensitive values that were filled in
}

var slotOrChoice = regexp.MustCompile(`\{([a-z_]+)(?::([0-9]+)-([0-9]+))?\}|\[([^\[\]]*)\]`)

// fill fills a frame in. It panics on a slot that is not known.
func (s *speaker) fill(text string) []piece {
	var out []piece
	for text != "" {
		at := slotOrChoice.FindStringSubmatchIndex(text)
		if at == nil {
			return append(out, piece{text: text})
		}
		out = append(out, piece{text: text[:at[0]]})
		switch {
		case at[8] >= 0:
			choices := strings.Split(text[at[8]:at[9]], "|")
			out = append(out, s.fill(choices[s.rng.IntN(len(choices))])...)
		case at[4] >= 0:
			var low, high int
			fmt.Sscan(text[at[4]:at[5]], &low)
			fmt.Sscan(text[at[6]:at[7]], &high)
			out = append(out, piece{fmt.Sprint(low + s.rng.IntN(high-low+1)), true})
		default:
			out = append(out, s.slot(text[at[2]:at[3]])...)
		}
		text = text[at[1]:]
	}
	return out
}

func (s *speaker) slot(name string) []piece {
	if words := s.words[name]; words != nil {
		return s.fill(words[s.rng.IntN(len(words))])
	}
	if make, ok := s.sensitive[name]; ok {
		if s.made[name] == "" {
			s.made[name] = make(s)
			s.values = append(s.values, s.made[name])
		}
		return []piece{{s.made[name], true}}
	}
	if make, ok := s.plain[name]; ok {
		return []piece{{make(s), true}}
	}
	panic("no slot is called " + name)
}

// say fills a frame in as the person would write it: a text for each message.
func (s *speaker) say(f frame, p *monthPerson, dressed bool) (texts []string, values []string) {
	s.made, s.values = map[string]string{}, nil
	pieces := s.fill(f.text)
	if dressed {
		pieces = s.dress(pieces, p)
	}
	var b strings.Builder
	for _, one := range pieces {
		if one.fixed {
			b.WriteString(one.text)
		} else {
			b.WriteString(p.style.write(s.rng, one.text))
		}
	}
	text := b.String()
	if p.style.lower && !strings.ContainsAny(text, "/") {
		text = lowerFirst(text)
	}
	for part := range strings.SplitSeq(text, " // ") {
		texts = append(texts, strings.TrimSpace(part))
	}
	return texts, s.values
}

// dress puts before and after what people put there.
func (s *speaker) dress(pieces []piece, p *monthPerson) []piece {
	if s.rng.Float64() < 0.12 {
		pieces = append(append(s.slot("opener"), piece{text: " "}), pieces...)
	}
	if s.rng.Float64() < p.style.tails {
		pieces = append(pieces, piece{text: " "})
		pieces = append(pieces, s.slot("tail")...)
	}
	return pieces
}
