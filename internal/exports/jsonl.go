package exports

import (
	"bytes"
	"encoding/json"
	"errors"
)

// jsonl reads one {"id","text"} a line. Other keys are passed over.
func (s *source) jsonl(out *sink) {
	s.lines(out, func(line []byte) {
		if len(bytes.TrimSpace(line)) == 0 {
			return
		}
		m, err := parseJSON(line)
		if err != nil {
			out.broken(s.place(), err.Error())
			return
		}
		m.Chat, m.File, m.Line = s.chat, s.name, s.line
		if m.ID == "" {
			m.ID = s.place()
		}
		out.send(m)
	})
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
	return Message{ID: scalar(in.ID), Kind: Said, Text: *in.Text}, nil
}

// scalar gives a JSON string or number as text; platforms write ids as either.
func scalar(raw json.RawMessage) string {
	var s string
	if len(raw) == 0 || string(raw) == "null" {
		return ""
	}
	if json.Unmarshal(raw, &s) == nil {
		return s
	}
	return string(raw)
}
