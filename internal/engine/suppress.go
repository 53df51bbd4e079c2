package engine

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"slices"
	"strings"
	"time"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"chaperone/internal/chat"
	"chaperone/internal/retention"
	"chaperone/rules"
)

// Mark recognises a value, or a whole text, in one chat: a keyed digest of the
// kind of thing that was found and of its normalised form. Nothing can be read
// from it.
type Mark [sha256.Size]byte

// Suppression is a judgement that something is not sensitive in one chat. It
// ends itself, and holds no value.
type Suppression struct {
	ID       string
	Chat     chat.ID
	Mark     Mark
	Category string
	Rule     string
	Whole    bool          // of the whole text, not of one value in it
	Owner    chat.MemberID // who said so
	Prompt   string        // that they answered
	Since    time.Time
	Until    time.Time
	Times    int       // how often it kept a prompt back
	Ended    time.Time // before its time; zero: it was not
	EndedBy  string
	Why      string
}

// Marked is what an open prompt asks about, as a mark.
type Marked struct {
	Prompt   string
	Message  chat.MessageID
	Mark     Mark
	Category string
	Rule     string
	Whole    bool
}

// Judged is what is known of the judgements in one chat.
type Judged struct {
	Key   []byte
	Is    map[Mark]bool // not sensitive, now
	Slot  uint64        // number of the key
	Asked []Marked      // of the prompts that wait
}

// Suppressions is where judgements are kept.
type Suppressions interface {
	// Judged gives what is known of a chat, with the key by which things are
	// recognised there; it is made at its first use.
	Judged(ctx context.Context, now time.Time, id chat.ID) (Judged, error)
	// Suppressions lists those that stand; with all, those that ended too, as
	// long as they are kept.
	Suppressions(ctx context.Context, now time.Time, all bool) ([]Suppression, error)
	// EndSuppression ends one before its time, as a named person's act.
	EndSuppression(ctx context.Context, now time.Time, id, by, why string) error
}

// NotSensitive is the reason that a stored finding bears where a member judged
// the same thing not sensitive in the same chat. Such a finding asks nobody.
const NotSensitive = "judged not sensitive in this chat"

// Suppressible reports whether "not sensitive" is taken for an answer about a
// class for good: SECRET and credentials are asked about every time.
func Suppressible(c rules.Class) bool { return c != rules.Secret && c != rules.Credential }

// Recognise gives the mark of a finding in a text. Personal details are known
// again by their value, wherever they stand; anything else only where the
// whole text is the same, since its value is a common word or a marking.
func Recognise(key []byte, text string, f rules.Finding) (m Mark, whole bool) {
	whole = f.Class != rules.Personal || f.Start < 0 || f.End > len(text) || f.Start >= f.End
	value, how := "", "text"
	if whole {
		value = words(text)
	} else {
		value, how = plainly(f.Category, text[f.Start:f.End]), "value"
	}
	h := hmac.New(sha256.New, key)
	for _, part := range []string{how, f.Category, value} {
		var n [8]byte
		binary.BigEndian.PutUint64(n[:], uint64(len(part)))
		h.Write(n[:])
		h.Write([]byte(part))
	}
	return Mark(h.Sum(nil)), whole
}

// plainly is a value without what people write differently: case, spaces and
// dashes. Where a sign between two digits makes another value of them, such as
// in a date, it stays a gap.
func plainly(category, value string) string {
	switch category {
	case "dob", "person_name":
		return words(value)
	case "email", "location", "ip_address":
		return strings.Join(strings.Fields(fold(value)), "")
	case "uk_postcode_address":
		if joined := strings.ReplaceAll(words(value), " ", ""); len(joined) <= len("AB123CD") { // a postcode alone
			return joined
		}
		return words(value)
	}
	return strings.ReplaceAll(words(value), " ", "")
}

// words is a text as its letters and digits, with one space between them.
func words(s string) string {
	return strings.Join(strings.FieldsFunc(fold(s), func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r)
	}), " ")
}

// fold is a text without case, width and characters that nobody sees.
func fold(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Cf, r) {
			return -1
		}
		return unicode.ToLower(r)
	}, norm.NFKC.String(s))
}

// judgements reads what is known of the chat's judgements, once for a batch.
// Where that fails the batch does too: it is not known yet who is to be asked.
func (b *batch) judgements() *Judged {
	if b.judged == nil {
		j, err := b.e.o.Store.Judged(b.e.ctx, b.now, b.room.id)
		if err != nil {
			b.fault = err
		}
		if j.Is == nil {
			j.Is = map[Mark]bool{}
		}
		b.judged, b.s.Slot = &j, j.Slot
	}
	return b.judged
}

// unjudged gives the findings that nobody judged not sensitive here, and all of
// them, those that were with that reason.
func (b *batch) unjudged(text string, found []rules.Finding) (open, all []rules.Finding) {
	if !slices.ContainsFunc(found, func(f rules.Finding) bool { return Suppressible(f.Class) }) {
		return found, found
	}
	j := b.judgements()
	for _, f := range found {
		mark, _ := Recognise(j.Key, text, f)
		if !Suppressible(f.Class) || readBefore(f) || !j.Is[mark] {
			open, all = append(open, f), append(all, f)
			continue
		}
		f.Because = append(slices.Clone(f.Because), NotSensitive)
		all = append(all, f)
		if !slices.Contains(b.s.Silenced, mark) {
			b.s.Silenced = append(b.s.Silenced, mark)
		}
	}
	return open, all
}

// mark notes what a prompt asks about, so that its member's judgement can be
// remembered.
func (b *batch) mark(sh *Shown, id chat.MessageID, text string, found []rules.Finding) {
	j := b.judgements()
	of := func(a Marked) bool { return a.Prompt == sh.ID && a.Message == id }
	j.Asked = slices.DeleteFunc(j.Asked, of) // of an earlier revision
	b.s.Marked = slices.DeleteFunc(b.s.Marked, of)
	for _, f := range found {
		if !Suppressible(f.Class) || readBefore(f) {
			continue
		}
		a := Marked{Prompt: sh.ID, Message: id, Category: f.Category, Rule: f.Rule}
		a.Mark, a.Whole = Recognise(j.Key, text, f)
		if !slices.ContainsFunc(j.Asked, func(x Marked) bool { return of(x) && x.Mark == a.Mark }) {
			j.Asked, b.s.Marked = append(j.Asked, a), append(b.s.Marked, a)
		}
	}
}

// suppress remembers, from now on and in this chat, that a member judged what
// their prompt asks about not sensitive.
func (b *batch) suppress(sh *Shown, by chat.MemberID) {
	j, p := b.judgements(), b.e.o.Own[retention.Judgements]
	if p.IsZero() {
		p = retention.DefaultOwn()[retention.Judgements]
	}
	for _, a := range j.Asked {
		if a.Prompt != sh.ID || j.Is[a.Mark] {
			continue
		}
		j.Is[a.Mark] = true
		b.s.Suppress = append(b.s.Suppress, Suppression{
			ID: b.e.o.NewID(b.now), Chat: b.room.id, Mark: a.Mark, Category: a.Category, Rule: a.Rule, Whole: a.Whole,
			Owner: by, Prompt: sh.ID, Since: b.now, Until: b.now.AddDate(p.Years, p.Months, p.Days),
		})
	}
}

// Suppressions lists the judgements that stand; with all, those that ended too.
func (e *Engine) Suppressions(ctx context.Context, all bool) ([]Suppression, error) {
	return e.o.Store.Suppressions(ctx, e.o.Now(), all)
}

// EndSuppression lets something be asked about again.
func (e *Engine) EndSuppression(ctx context.Context, id, by, why string) error {
	if strings.TrimSpace(by) == "" || strings.TrimSpace(why) == "" {
		return errors.New("say who ends the suppression, and why")
	}
	return e.o.Store.EndSuppression(ctx, e.o.Now(), id, by, why)
}

// longestValue is of how many words a value is, at the most.
const longestValue = 12

// Suppressed reports whether a text is, or holds, something that was judged in
// any chat. It tells neither which nor where.
func (e *Engine) Suppressed(ctx context.Context, text string) (bool, error) {
	all, err := e.Suppressions(ctx, true)
	if err != nil {
		return false, err
	}
	in := map[chat.ID]map[Mark]string{} // marks and their categories
	for _, s := range all {
		if in[s.Chat] == nil {
			in[s.Chat] = map[Mark]string{}
		}
		in[s.Chat][s.Mark] = s.Category
	}
	tokens := strings.Fields(text)
	for id, marks := range in {
		j, err := e.o.Store.Judged(ctx, e.o.Now(), id)
		if err != nil {
			return false, err
		}
		for mark, category := range marks {
			f := rules.Finding{Category: category, End: len(text)}
			if m, _ := Recognise(j.Key, text, f); m == mark {
				return true, nil
			}
			f.Class = rules.Personal
			for from := range tokens {
				for to := from + 1; to <= min(len(tokens), from+longestValue); to++ {
					value := strings.Trim(strings.Join(tokens[from:to], " "), ".,;:!?()[]\"'")
					f.End = len(value)
					if m, _ := Recognise(j.Key, value, f); m == mark {
						return true, nil
					}
				}
			}
		}
	}
	return false, nil
}
