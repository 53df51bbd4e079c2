package exports

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// jsonl reads one {"id","text"} a line. Other keys are passed over.
func (s *source) jsonl(yield func(Message, error) bool) {
	for {
		line, err := s.next()
		if errors.Is(err, io.EOF) {
			return
		}
		var m Message
		switch {
		case errors.Is(err, errLong):
			err = &Broken{s.place(), err.Error()}
		case err != nil:
			yield(Message{}, fmt.Errorf("%s: %w", s.place(), err))
			return
		case len(bytes.TrimSpace(line)) == 0:
			continue
		default:
			if m, err = parseJSON(line); err != nil {
				err = &Broken{s.place(), err.Error()}
			}
			m.Line = s.line
		}
		if !yield(m, err) {
			return
		}
	}
}

func parseJSON(line []byte) (Message, error) {
	var in struct {
		ID   json.RawMessage `json:"id"`
		Text *string         `json:"text"`
	}
	if err := json.Unmarshal(line, &in); err != nil {
		return Message{}, errors.New(`this is not a JSON object with "id" and "text"`)
	}
	if in.Text == nil {
		return Message{}, errors.New(`"text" is missing`)
	}
	m := Message{Kind: Said, Text: *in.Text}
	if len(in.ID) > 0 && json.Unmarshal(in.ID, &m.ID) != nil {
		m.ID = string(in.ID) // a number, as it is written
	}
	return m, nil
}
