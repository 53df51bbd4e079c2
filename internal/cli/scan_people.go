package cli

import (
	"encoding/hex"
	"fmt"
	"hash/fnv"
	"strings"

	"chaperone/internal/exports"
	"chaperone/rules"
)

// people gives everybody a number, so that a report can speak of them without
// their names.
type people struct {
	show    bool
	numbers map[string]int
	direct  map[string]int // chats that carry the name of a person
}

const maxPeople = 100_000

func newPeople(show bool) *people {
	return &people{show: show, numbers: map[string]int{}, direct: map[string]int{}}
}

// meet notes the people of a message. A chat that is called like one of its
// senders is a conversation of two, and its title is a name.
func (p *people) meet(m exports.Message) {
	p.add(m.Sender)
	for _, w := range m.Who {
		p.add(w)
	}
	if (m.Private || m.Chat == m.Sender && m.Kind == exports.Said) && m.Chat != "" && p.direct[m.Chat] == 0 && len(p.direct) < maxPeople {
		p.direct[m.Chat] = len(p.direct) + 1
	}
}

func (p *people) add(name string) {
	if name != "" && p.numbers[name] == 0 && len(p.numbers) < maxPeople {
		p.numbers[name] = len(p.numbers) + 1
	}
}

// name gives what a report calls a person.
func (p *people) name(sender string) string {
	switch n := p.numbers[sender]; {
	case sender == "" || p.show:
		return printable(sender)
	case n > 0:
		return fmt.Sprintf("Person %d", n)
	}
	return "a person"
}

// chat gives what a report calls a chat.
func (p *people) chat(title string) string {
	if n := p.direct[title]; n > 0 && !p.show {
		return fmt.Sprintf("Direct chat %d", n)
	}
	return printable(title)
}

// keys names findings so that two scans of a growing chat can be compared. A
// key is made of what a report shows anyway: chat, time, rule and mask.
type keys map[uint64]int

func (k keys) of(m exports.Message, f rules.Finding) string {
	h := fnv.New64a()
	fmt.Fprint(h, m.Chat, "\x00", m.At.Unix(), "\x00", f.Rule, "\x00", f.Mask, "\x00", f.Start)
	if m.At.IsZero() {
		fmt.Fprint(h, "\x00", m.ID)
	}
	sum := h.Sum64()
	if len(k) > 4*maxPeople {
		clear(k) // repeats that far apart are rare enough to be one
	}
	k[sum]++
	if n := k[sum]; n > 1 {
		fmt.Fprint(h, "\x00", n)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// sentence makes a line of guidance out of what a rule says.
func sentence(s string) string {
	s = strings.TrimSpace(s)
	if s == "" {
		return ""
	}
	return strings.ToUpper(s[:1]) + s[1:]
}
