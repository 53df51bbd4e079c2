package detect

import (
	"regexp"
	"strings"
	"time"
)

// Handling is what markings in a text say about who may read it, which only
// the chat it stands in can answer.
type Handling struct {
	OwnOnly    bool      // HMG USE ONLY, or that of another organisation
	Recipients bool      // RECIPIENTS ONLY
	Embargoed  bool      // EMBARGOED
	Until      time.Time // of an embargo; zero: it does not say
	Release    bool      // FOR PUBLIC RELEASE
	Start, End int       // where the instruction stands
}

// Any reports whether there is an instruction at all.
func (h Handling) Any() bool { return h.OwnOnly || h.Recipients || h.Embargoed || h.Release }

var (
	useOnly     = regexp.MustCompile(`\bHMG USE ONLY\b|\b(?:OFFICIAL|SENSITIVE)[\]\[() :,/–-]{1,4}[A-Z][A-Z&]{1,15} USE ONLY\b`)
	recipients  = regexp.MustCompile(`\bRECIPIENTS ONLY\b`)
	embargo     = regexp.MustCompile(`\bEMBARGOED\b(?: (?:UNTIL|TO|FOR|TILL|UNTIL:))?`)
	release     = regexp.MustCompile(`\bFOR PUBLIC RELEASE\b`)
	sensitive   = regexp.MustCompile(`\bSENSITIVE\b`)
	clockTime   = regexp.MustCompile(`\b([01]?\d|2[0-3])[:.]?([0-5]\d)\b`)
	dateForms   = []string{"2 January 2006", "2 Jan 2006", "02/01/2006", "2/1/2006", "2006-01-02"}
	dateInWords = regexp.MustCompile(`(?i)\b\d{1,2} (?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]* \d{4}\b|\b\d{1,2}/\d{1,2}/\d{4}\b|\b\d{4}-\d\d-\d\d\b`)
)

// embargoReach is how far after the word its date may stand.
const embargoReach = 60

// ReadHandling reads the handling instructions of a text. They are written in
// capitals; what has none costs next to nothing.
func ReadHandling(text string, zone *time.Location) Handling {
	var h Handling
	if !strings.Contains(text, "ONLY") && !strings.Contains(text, "EMBARGOED") && !strings.Contains(text, "RELEASE") {
		return h
	}
	at := func(re *regexp.Regexp) bool {
		found := re.FindStringIndex(text)
		if found != nil && !h.Any() {
			h.Start, h.End = found[0], found[1]
		}
		return found != nil
	}
	h.OwnOnly = at(useOnly)
	h.Recipients = at(recipients)
	h.Release = at(release) && !sensitive.MatchString(text)
	if found := embargo.FindStringIndex(text); found != nil {
		at(embargo)
		h.Embargoed = true
		h.Until = moment(text[found[1]:min(len(text), found[1]+embargoReach)], zone)
	}
	return h
}

// moment reads a date and a time of day; without a date it is none, and without
// a time the day has to be over.
func moment(text string, zone *time.Location) time.Time {
	date := dateInWords.FindStringIndex(text)
	if date == nil {
		return time.Time{}
	}
	day := text[date[0]:date[1]]
	for _, form := range dateForms {
		t, err := time.ParseInLocation(form, day, zone)
		if err != nil {
			continue
		}
		rest := text[:date[0]] + " " + text[date[1]:]
		if hm := clockTime.FindStringSubmatch(rest); hm != nil {
			if of, err := time.Parse("15:04", hm[1]+":"+hm[2]); err == nil {
				return t.Add(time.Duration(of.Hour())*time.Hour + time.Duration(of.Minute())*time.Minute)
			}
		}
		return t.AddDate(0, 0, 1)
	}
	return time.Time{}
}

var (
	pictureFile = regexp.MustCompile(`(?i)[\w-]+\.(?:jpe?g|png|heic|webp|gif|mp4|mov)\b`)
	caption     = regexp.MustCompile(`(?i)^\W*(?:here(?:'|’)?s |here is |here are |sharing )?(?:a |an |the |some |our |my )?(?:group |team )?(?:photos?|pictures?|pics?|selfies?|snaps?|videos?) (?:of|with|from|showing) `)
	whoIsSeen   = regexp.MustCompile(`(?i)\b(?:volunteers?|residents?|children|kids|pupils?|staff|crew|people|famil(?:y|ies)|evacuees?|everyone|everybody|visitors?|attendees?|colleagues?|councillors?|mayor|winners?|carers?|tenants?|the team|us all|all of us|group photo|selfie)\b`)
)

// Pictured finds a picture of people by what is written with it: the name of
// its file or a caption that says so, and who is seen. Talk about pictures is
// none. ok is false where there is none.
func Pictured(text string) (start, end int, ok bool) {
	if len(text) > longestCaption {
		return 0, 0, false
	}
	var at []int
	if endsLikeAPicture(text) {
		at = pictureFile.FindStringIndex(text)
	}
	if at == nil {
		at = caption.FindStringIndex(text) // anchored, so that ordinary talk is over at its first word
	}
	if at == nil || !whoIsSeen.MatchString(text) {
		return 0, 0, false
	}
	return at[0], at[1], true
}

const longestCaption = 2000

// endsLikeAPicture reports whether a point in the text is followed by one of
// the endings of pictures.
func endsLikeAPicture(text string) bool {
	for rest := text; ; {
		i := strings.IndexByte(rest, '.')
		if i < 0 || len(rest) < i+4 {
			return false
		}
		rest = rest[i+1:]
		switch strings.ToLower(rest[:3]) {
		case "jpg", "jpe", "png", "hei", "web", "gif", "mp4", "mov":
			return true
		}
	}
}
