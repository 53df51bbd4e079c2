package engine

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"chaperone/bots"
	"chaperone/internal/chat"
	"chaperone/internal/detect"
	"chaperone/internal/document"
	"chaperone/internal/policy"
	"chaperone/rules"
)

// The files that people post are read after their message was decided about,
// so that a slow one keeps nobody waiting: what is found in them is decided
// about as the message's. They are held in memory while they are read, and
// never longer. What was not read is declared.

// Files says which files are read. The zero value reads none.
type Files struct {
	Most   int64           // bytes of one file; 0: none is read
	Kinds  []document.Kind // empty: all that can be read
	Limits document.Limits
}

// Readings is where the reading of files is kept.
type Readings interface {
	// DueReadings lists those that are due, the oldest first, and says when the
	// next one will be.
	DueReadings(ctx context.Context, now time.Time, most int) ([]Reading, time.Time, error)
	// Reading loads one with what is needed to decide about its message; false
	// where it is over, or the message is not there any more.
	Reading(ctx context.Context, id chat.ID, message chat.MessageID) (Reading, Load, bool, error)
}

// Reading is the reading of the files of one revision of a message.
type Reading struct {
	Chat     chat.ID
	Message  chat.MessageID
	Revision int64
	Member   chat.MemberID
	At       time.Time // platform time of the message
	Since    time.Time // our clock
	Due      time.Time // when it is tried next; zero: it is over
	Tries    int
	Files    []FileState
	Routine  bool // nothing was found, once it is over
	Sealed   Unread
}

// Unread is what is needed to read on, and forgotten when the reading is over.
type Unread struct {
	Name  string
	Text  string
	Found []Stored // in the text
	Files []chat.File
}

// FileState is how far the reading of one file is.
type FileState struct {
	ID    string        `json:"id"` // a digest of what the platform calls it
	Kind  document.Kind `json:"kind"`
	Waits bool          `json:"waits,omitempty"`
	Why   chat.Gap      `json:"why,omitempty"` // why it was not read, or not wholly
	Found []Stored      `json:"found,omitempty"`
}

// Known is what is known of the files of a message that was edited: how far
// their reading is and, until it is over, where they are.
type Known struct {
	States []FileState
	Files  []chat.File
}

// Stored is a finding as it is kept.
type Stored struct {
	rules.Finding
	Class rules.Class `json:"class"`
}

func stored(found []rules.Finding) []Stored {
	out := make([]Stored, len(found))
	for i, f := range found {
		out[i] = Stored{f, f.Class}
	}
	return out
}

func (s Stored) finding() rules.Finding {
	f := s.Finding
	f.Class = s.Class
	return f
}

const (
	filesAtOnce  = 2                // so many are in memory
	fetchWithin  = 90 * time.Second // one file
	fetchFor     = 24 * time.Hour   // then it counts as not read
	fetchFirst   = 2 * time.Second  // the first wait between two attempts; each is twice as long
	fetchLongest = 15 * time.Minute
	scanAtOnce   = 256 << 10 // bytes of a file
	heedTries    = 20        // to store what was found
	heedWait     = 100 * time.Millisecond
	sameRule     = 3 // findings of one rule in one file, that are told
)

// filing is what the engine knows of the readings under way.
type filing struct {
	wake  chan struct{}
	under map[string]bool // guarded by the engine's lock
}

// readable reports whether a file is read, or else why not.
func (f Files) readable(file chat.File) (document.Kind, chat.Gap) {
	kind := document.KindOf(file.Name, file.Type)
	switch {
	case kind == document.Picture || kind == document.Recording:
		return kind, chat.FilePicture
	case !kind.Readable() || len(f.Kinds) > 0 && !slices.Contains(f.Kinds, kind):
		return kind, chat.FileKind
	case file.Size > f.Most:
		return kind, chat.FileLarge
	}
	return kind, ""
}

// fileID recognises a file again.
func fileID(f chat.File) string {
	sum := sha256.Sum256([]byte(f.ID))
	return hex.EncodeToString(sum[:8])
}

// attach plans the reading of a message's files. What was read before an edit
// is not read again.
func (b *batch) attach(ev chat.Event, found []rules.Finding) {
	o := b.e.o.Files
	if o.Most <= 0 || len(ev.Files) == 0 && !ev.FilesKept || b.load.Chat.Kind == chat.Private {
		return
	}
	known := b.load.Read[ev.Message]
	if ev.FilesKept {
		ev.Files = known.Files
	}
	r := Reading{
		Chat: b.room.id, Message: ev.Message, Revision: ev.Revision, Member: ev.Member, At: ev.At, Since: b.now,
		Sealed: Unread{Name: ev.Name, Text: ev.Text, Files: ev.Files},
	}
	for _, f := range found {
		if f.In == nil {
			r.Sealed.Found = append(r.Sealed.Found, stored([]rules.Finding{f})...)
		}
	}
	for _, f := range ev.Files {
		st := FileState{ID: fileID(f)}
		st.Kind, st.Why = o.readable(f)
		st.Waits = st.Why == ""
		for _, old := range known.States {
			if old.ID == st.ID && !old.Waits {
				st = old
			}
		}
		if st.Waits {
			r.Due = b.now
		}
		r.Files = append(r.Files, st)
	}
	if ev.FilesKept && len(ev.Files) == 0 { // all of them were read
		r.Files = known.States
	}
	if len(r.Files) == 0 {
		return
	}
	last := &b.s.Messages[len(b.s.Messages)-1]
	r.Routine = last.Class == Routine
	if r.Routine && !r.known() {
		last.Class = "" // not known yet
	}
	b.s.Readings = append(b.s.Readings, r)
}

// known reports whether everything that can be read of the files was.
func (r *Reading) known() bool {
	return !slices.ContainsFunc(r.Files, func(f FileState) bool {
		return f.Waits || f.Why != "" && f.Why != chat.FilePicture && f.Why != chat.FileKind
	})
}

// stillIn is what was found in the files that an edited message still has.
func (b *batch) stillIn(ev chat.Event) []rules.Finding {
	var out []rules.Finding
	for _, old := range b.load.Read[ev.Message].States {
		if ev.FilesKept || slices.ContainsFunc(ev.Files, func(f chat.File) bool { return fileID(f) == old.ID }) {
			for _, s := range old.Found {
				out = append(out, s.finding())
			}
		}
	}
	return out
}

// readBefore reports whether a finding was made in a file that is in memory no
// longer.
func readBefore(f rules.Finding) bool { return f.In != nil && f.Start == f.End }

// placed gives findings as they are stored: where in its text a file says
// something is nothing that is kept.
func placed(found []rules.Finding) []rules.Finding {
	out := slices.Clone(found)
	for i := range out {
		if out[i].In != nil {
			out[i].Start, out[i].End = 0, 0
		}
	}
	return out
}

// runFiles reads files until the engine stops.
func (e *Engine) runFiles() {
	if e.o.Files.Most <= 0 {
		return
	}
	slots := make(chan struct{}, filesAtOnce)
	for e.ctx.Err() == nil {
		due, next, err := e.o.Store.DueReadings(e.ctx, e.o.Now(), 4*filesAtOnce)
		if err != nil && e.ctx.Err() == nil {
			e.trouble("store", err)
			e.sleep(time.Second)
			continue
		}
		for _, r := range due {
			key := r.Chat.String() + "\x00" + string(r.Message)
			if !e.beginReading(key) {
				continue
			}
			select {
			case slots <- struct{}{}:
			case <-e.ctx.Done():
				return
			}
			e.work.Go(func() {
				defer func() { e.endReading(key); <-slots; nudge(e.files.wake) }()
				if err := e.readFiles(e.ctx, r.Chat, r.Message); err != nil && e.ctx.Err() == nil {
					e.trouble("store", err)
					e.o.Log.Error("the files of a message could not be read; it is tried again", "chat", r.Chat, "err", err)
					e.sleep(time.Second)
				}
			})
		}
		e.awaitFiles(next, len(due) > 0)
	}
}

func (e *Engine) beginReading(key string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.files.under[key] {
		return false
	}
	e.files.under[key] = true
	return true
}

func (e *Engine) endReading(key string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.files.under, key)
}

// awaitFiles waits for files to read, or for the end of one that is being read.
func (e *Engine) awaitFiles(next time.Time, busy bool) {
	wait := idleWait
	if !next.IsZero() && !busy {
		wait = min(max(next.Sub(e.o.Now()), time.Millisecond), idleWait)
	}
	t := time.NewTimer(wait)
	defer t.Stop()
	select {
	case <-e.ctx.Done():
	case <-e.files.wake:
	case <-t.C:
	}
}

// fetched is what a file said, while it is in memory.
type fetched struct {
	text  string
	found []rules.Finding // places in text
}

// readFiles reads the files of one message and decides about what they say.
func (e *Engine) readFiles(ctx context.Context, id chat.ID, message chat.MessageID) error {
	r, load, there, err := e.o.Store.Reading(ctx, id, message)
	if err != nil || !there || r.Due.After(e.o.Now()) { // the list may show it as it was before
		return err
	}
	kind := load.Chat.Kind
	if k := e.o.Setting(id).Kind; k.Valid() {
		kind = k
	}
	now := e.o.Now()
	got := make([]fetched, len(r.Files))
	later := time.Time{}
	for i := range r.Files {
		if !r.Files[i].Waits {
			continue
		}
		content, why, wait := e.fetchFile(ctx, r, i)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if wait > 0 {
			if due := now.Add(wait); later.IsZero() || due.Before(later) {
				later = due
			}
			continue
		}
		if got[i], err = e.scanFile(ctx, kind, content, i); ctx.Err() != nil {
			return ctx.Err()
		} else if err != nil { // it would fail again, and be fetched each time
			got[i], why = fetched{}, chat.FileFailed
		}
		r.Files[i].Waits, r.Files[i].Why = false, why
	}
	if r.Due, r.Tries = later, r.Tries+1; !later.IsZero() && e.o.Now().Sub(r.Since) > fetchFor {
		for i := range r.Files {
			if r.Files[i].Waits {
				r.Files[i].Waits, r.Files[i].Why = false, chat.FileFailed
			}
		}
		r.Due = time.Time{}
	}
	for tries := 1; ; tries++ { // what was fetched is not fetched again because the store was busy
		if err = e.heed(ctx, r, got); err == nil || tries == heedTries || ctx.Err() != nil {
			return err
		}
		e.sleep(heedWait)
	}
}

// fetchFile fetches one file and takes its text out of it. It tells why it was not
// read, or how long to wait before it is tried again.
func (e *Engine) fetchFile(ctx context.Context, r Reading, i int) (document.Content, chat.Gap, time.Duration) {
	if i >= len(r.Sealed.Files) {
		return document.Content{}, chat.FileFailed, 0
	}
	f := r.Sealed.Files[i]
	bot, able := e.bots[r.Chat.Account].(bots.Downloader)
	if !able {
		return document.Content{}, chat.FileForbidden, 0
	}
	within, cancel := context.WithTimeout(ctx, fetchWithin)
	defer cancel()
	data, err := bot.Download(within, own(r.Chat), ownMessage(r.Message), f, e.o.Files.Most)
	var busy bots.Busy
	switch {
	case err == nil:
	case errors.Is(err, bots.ErrGone):
		return document.Content{}, chat.FileGone, 0
	case errors.Is(err, bots.ErrForbidden), errors.Is(err, bots.ErrUnsupported):
		return document.Content{}, chat.FileForbidden, 0
	case errors.Is(err, bots.ErrTooLarge):
		return document.Content{}, chat.FileLarge, 0
	case errors.As(err, &busy):
		return document.Content{}, "", max(busy.After, fetchFirst)
	default:
		e.o.Log.Warn("a file could not be fetched; it is tried again", "chat", r.Chat, "tries", r.Tries+1)
		return document.Content{}, "", min(fetchFirst<<min(r.Tries, 20), fetchLongest)
	}
	content, err := document.Read(ctx, f.Name, f.Type, data, e.o.Files.Limits)
	switch {
	case err == nil && content.Cut:
		return content, chat.FilePart, 0
	case err == nil:
		return content, "", 0
	case errors.Is(err, document.ErrKind):
		return content, chat.FileKind, 0
	case errors.Is(err, document.ErrLarge):
		return content, chat.FileLarge, 0
	case errors.Is(err, document.ErrLocked):
		return content, chat.FileLocked, 0
	case errors.Is(err, document.ErrSlow):
		return content, chat.FileSlow, 0
	case errors.Is(err, document.ErrBroken):
		return content, chat.FileDamaged, 0
	}
	return content, "", min(fetchFirst<<min(r.Tries, 20), fetchLongest) // the program that reads it could not be begun
}

// told are the classes of information that a file is read for. A file is no
// talk: what it decides or arranges is kept where it came from.
var told = []rules.Class{rules.Secret, rules.Marked, rules.Personal, rules.Special, rules.Credential}

// scanFile finds in what a file says. Of one rule a few findings are told: a
// list of people is one thing to put right.
func (e *Engine) scanFile(ctx context.Context, kind chat.Kind, c document.Content, n int) (out fetched, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("the scanner failed")
		}
	}()
	var text strings.Builder
	times := map[string]int{}
	for p := range c.Parts {
		part := &c.Parts[p]
		for from := 0; from < len(part.Text); {
			to := chunk(part.Text, from)
			found, err := e.o.Scanner.Scan(ctx, part.Text[from:to], detect.Context{Kind: kind})
			if err != nil {
				return fetched{}, err
			}
			for _, f := range found {
				if f.Confidence < policy.Threshold || !slices.Contains(told, f.Class) || times[f.Rule] == sameRule {
					continue
				}
				times[f.Rule]++
				at := part.At(from + f.Start)
				f.In = &rules.In{Kind: string(c.Kind), File: n + 1, Page: at.Page, Sheet: at.Sheet, Slide: at.Slide, Row: at.Row}
				f.Start, f.End = f.Start+text.Len(), f.End+text.Len()
				out.found = append(out.found, f)
			}
			text.WriteString(part.Text[from:to])
			from = to
		}
		text.WriteByte('\n')
	}
	out.text = text.String()
	return out, nil
}

// chunk is where the next stretch of a text ends that is scanned: with a line,
// where that is near.
func chunk(text string, from int) int {
	to := from + scanAtOnce
	if to >= len(text) {
		return len(text)
	}
	if end := strings.LastIndexByte(text[from:to], '\n'); end > scanAtOnce/2 {
		return from + end + 1
	}
	for to > from && text[to]&0xc0 == 0x80 { // within a character
		to--
	}
	return to
}

// heed decides about a message by what its files say, and stores how far their
// reading is, together.
func (e *Engine) heed(ctx context.Context, r Reading, got []fetched) error {
	lock := e.room(r.Chat)
	lock.mu.Lock()
	defer lock.mu.Unlock()
	now, load, there, err := e.o.Store.Reading(ctx, r.Chat, r.Message)
	if err != nil || !there || now.Revision != r.Revision {
		return err // what took its place is read anew
	}
	if k := e.o.Setting(r.Chat).Kind; k.Valid() {
		load.Chat.Kind = k
	}
	b := e.newBatch(lock, load, e.o.Store.Holds(ctx))
	ev := chat.Event{
		Kind: chat.Posted, Chat: r.Chat, At: r.At, Member: r.Member, Name: r.Sealed.Name, Message: r.Message,
		Revision: r.Revision, Text: r.Sealed.Text, Files: r.Sealed.Files,
	}
	r.Files = slices.Clone(r.Files)
	text, found, news := ev.Text+"\n", []rules.Finding(nil), false
	for _, s := range r.Sealed.Found {
		found = append(found, s.finding())
	}
	for i := range r.Files {
		for _, f := range got[i].found {
			f.Start, f.End = f.Start+len(text), f.End+len(text)
			found, news = append(found, f), true
		}
		for _, s := range r.Files[i].Found {
			found = append(found, s.finding())
		}
		r.Files[i].Found = slices.Concat(r.Files[i].Found, stored(placed(got[i].found)))
		text += got[i].text
	}
	if news {
		b.weigh(ev, text, found)
		r.Routine = false
	}
	if r.Due.IsZero() {
		r.Routine = r.Routine && r.known()
	}
	b.s.Readings = append(b.s.Readings, r)
	if b.fault != nil {
		return b.fault
	}
	b.show()
	if err := e.o.Store.Settle(ctx, b.s); err != nil {
		return err
	}
	e.settled(b)
	return nil
}
