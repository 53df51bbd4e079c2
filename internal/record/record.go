// Package record is what Chaperone keeps: captured messages with their
// metadata, filed in the organisation's own record system.
//
// It holds the values and the small interface that record systems fulfil; each
// of those is a package of its own below this one. It must not decide what is
// captured, and a Record's fields never hold a message's text: that travels
// beside it, as files.
package record

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"time"

	"chaperone/internal/chat"
	"chaperone/internal/policy"
)

// Record describes one capture. It answers when, where, by whom, over which
// method of communication, under which policy line, and why (R39, R40, R69).
type Record struct {
	ID         string        `json:"id"`
	Account    chat.Account  `json:"account"`
	Chat       string        `json:"chat"`
	ChatName   string        `json:"chat_name"`
	ChatKind   chat.Kind     `json:"chat_kind"`
	Method     string        `json:"communication_method"` // the platform, such as "practice"
	CapturedBy chat.MemberID `json:"captured_by"`
	CapturedAt time.Time     `json:"captured_at"`
	Form       Form          `json:"form"`
	Messages   []Message     `json:"messages"`
	Lines      []policy.Line `json:"policy"`
	Rationale  string        `json:"rationale,omitempty"` // the file that says why, where the sender was asked (R40)
}

// Form says how the content was kept.
type Form string

// The forms of a capture (R31, R32).
const (
	Verbatim Form = "verbatim"
	Note     Form = "note"   // the substance, in the member's own words
	Reason   Form = "reason" // why circumstances were exceptional, likewise (R4)
	Report   Form = "report" // that reasons were given, and which records they are
	Breach   Form = "breach" // what is known of a breach, as counts and decisions
)

// Message is one captured message; its text is the file of the same name.
type Message struct {
	ID       chat.MessageID `json:"id"`
	Sender   chat.MemberID  `json:"sender"`
	Name     string         `json:"sender_name"`
	SentAt   time.Time      `json:"sent_at"`
	Revision int64          `json:"revision"`
	Deleted  bool           `json:"deleted_by_sender,omitempty"`
	File     string         `json:"file,omitempty"`
	Left     int            `json:"files_not_captured,omitempty"` // files that were posted with it, of which only the names are kept
}

// File is one part of a record's content.
type File struct {
	Name string
	Data []byte
}

// Sum names a file of a filed record with its SHA-256.
type Sum struct {
	Name   string `json:"name"`
	Bytes  int    `json:"bytes"`
	SHA256 string `json:"sha256"` // lower-case hex
}

// Manifest is what a record system is given beside the files: the record and
// the hash of each file.
type Manifest struct {
	Format int `json:"format"` // 1
	Record
	Files []Sum `json:"files"`
}

// Receipt is a record system's word that it has the record.
type Receipt struct {
	Where    string    `json:"where"`           // in words that find it again: a path, a message id, an object key
	Manifest string    `json:"manifest_sha256"` // SHA-256 of the manifest's bytes
	FiledAt  time.Time `json:"filed_at"`
}

// Filer is a record system.
type Filer interface {
	// File stores the record for good and returns a receipt. Filing the same
	// record again returns the first receipt and changes nothing. On an error
	// nothing that looks like a record has been left behind.
	File(ctx context.Context, r Record, files []File) (Receipt, error)
}

// Opener is implemented by record systems that can show a record again.
type Opener interface {
	// Open reads a filed record and checks every hash. ErrNotFound when there
	// is none; ErrAltered, with what could be read, when a hash differs.
	Open(ctx context.Context, id string) (Manifest, []File, error)
}

// What opening a record can find.
var (
	ErrNotFound = errors.New("no record of that number is filed here")
	ErrAltered  = errors.New("the record is not as it was filed: a hash differs")
)

// NewManifest builds the manifest of a record and its exact bytes.
func NewManifest(r Record, files []File) (Manifest, []byte, error) {
	m := Manifest{Format: 1, Record: r, Files: []Sum{}}
	for _, f := range files {
		m.Files = append(m.Files, Sum{Name: f.Name, Bytes: len(f.Data), SHA256: Hash(f.Data)})
	}
	b, err := json.MarshalIndent(m, "", "  ")
	return m, append(b, '\n'), err
}

// Hash is the lower-case hex SHA-256 of b.
func Hash(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
