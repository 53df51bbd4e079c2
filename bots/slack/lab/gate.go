package lab

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// gate holds what the server says against what others published: schemas of
// answers with the patterns of ids, and every key that real answers and events
// were seen to have, with its type.
type gate struct {
	mu      sync.Mutex
	schemas map[string]*jsonschema.Schema
	answers map[string]any
	events  map[string]any
}

// beyond are keys that real answers have and the samples do not, each with the
// place where it is documented.
var beyond = map[string][]string{
	"message":                 {"/event/reply_count", "/event/latest_reply", "/event/files", "/event/app_id", "/event/subtype"}, // message, in the events reference
	"message/file_share":      {"/event/files", "/event/team"},
	"message/message_changed": {"/event/message/files", "/event/previous_message/files"},
	"message/message_deleted": {"/event/previous_message/files"},
	"conversations.history":   {"/response_metadata"},
	"conversations.replies":   {"/messages/subtype"}, // a message of its own kind, in the messages reference

	"interactive/BlockAction":    {"/actions/selected_options", "/actions/selected_option", "/view/blocks", "/message/metadata"}, // in the Block Kit reference
	"interactive/ViewSubmission": {"/view/blocks"},                                                                               // in the views reference
}

func newGate() (*gate, error) {
	g := &gate{schemas: map[string]*jsonschema.Schema{}}
	for name, into := range map[string]any{"answers": &g.answers, "events": &g.events} {
		b, err := files.ReadFile("testdata/" + name + ".json")
		if err != nil {
			return nil, err
		}
		if err := json.Unmarshal(b, into); err != nil {
			return nil, err
		}
	}
	b, err := files.ReadFile("testdata/schemas.json")
	if err != nil {
		return nil, err
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft4)
	if err := c.AddResource("slack.json", doc); err != nil {
		return nil, err
	}
	for method := range doc.(map[string]any)["answers"].(map[string]any) {
		s, err := c.Compile("slack.json#/answers/" + method)
		if err != nil {
			return nil, err
		}
		g.schemas[method] = s
	}
	return g, nil
}

// answer says what is wrong with an answer.
func (g *gate) answer(method string, body []byte) []string {
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err != nil {
		return []string{"it is not JSON"}
	}
	if m, ok := v.(map[string]any); !ok || m["ok"] != true {
		return nil // errors are held against their names
	}
	var out []string
	g.mu.Lock()
	defer g.mu.Unlock()
	if s := g.schemas[method]; s != nil {
		if err := s.Validate(v); err != nil {
			out = append(out, err.Error())
		}
	}
	if known, ok := g.answers[method]; ok {
		out = append(out, strange(method, "", v, known)...)
	}
	return out
}

// event says what is wrong with an event.
func (g *gate) event(name string, body []byte) []string {
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err != nil {
		return []string{"it is not JSON"}
	}
	known, ok := g.events[name]
	if !ok {
		known, ok = g.events["message"]
		if name != "message/tombstone" && !ok {
			return []string{"no such event is known"}
		}
	}
	return strange(name, "", v, known)
}

// strange lists the keys of v that nobody saw, and those of another type.
func strange(of, path string, v, known any) []string {
	switch v := v.(type) {
	case map[string]any:
		k, ok := known.(map[string]any)
		if !ok || len(k) == 0 { // an emptied sample says nothing
			return nil
		}
		var out []string
		for key, x := range v {
			at := path + "/" + key
			if sample, ok := k[key]; ok {
				out = append(out, strange(of, at, x, sample)...)
			} else if !slices.Contains(beyond[of], at) {
				out = append(out, fmt.Sprintf("%s is a key that real ones do not have", at))
			}
		}
		return out
	case []any:
		k, ok := known.([]any)
		if !ok || len(k) == 0 {
			return nil
		}
		var out []string
		for _, x := range v {
			out = append(out, strange(of, path, x, k[0])...)
		}
		return out
	case nil:
		return nil
	}
	if known != nil && kindOf(v) != kindOf(known) {
		return []string{fmt.Sprintf("%s is a %s, where real ones have a %s", path, kindOf(v), kindOf(known))}
	}
	return nil
}

func kindOf(v any) string {
	switch v.(type) {
	case string:
		return "string"
	case bool:
		return "boolean"
	case json.Number, float64:
		return "number"
	case []any:
		return "list"
	}
	return "object"
}
