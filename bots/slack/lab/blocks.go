package lab

import (
	"encoding/json"
	"fmt"
	"unicode/utf8"
)

// The limits of Block Kit, as Slack's reference gives them. The server refuses
// what is beyond them, as Slack does.

type block struct {
	Type      string            `json:"type"`
	ID        string            `json:"block_id"`
	Text      *text             `json:"text"`
	Fields    []text            `json:"fields"`
	Elements  []json.RawMessage `json:"elements"`
	Element   json.RawMessage   `json:"element"`
	Label     *text             `json:"label"`
	Accessory json.RawMessage   `json:"accessory"`
}

type text struct {
	Type string `json:"type"`
	Text string `json:"text"`
}

type element struct {
	Type    string   `json:"type"`
	Action  string   `json:"action_id"`
	Text    *text    `json:"-"`
	Value   string   `json:"value"`
	Style   string   `json:"style"`
	URL     string   `json:"url"`
	Options []option `json:"options"`
	Initial []option `json:"initial_options"`
}

type option struct {
	Text        text   `json:"text"`
	Value       string `json:"value"`
	Description *text  `json:"description"`
}

func (t *text) fits(most int, plain bool) bool {
	if t == nil {
		return false
	}
	n := utf8.RuneCountInString(t.Text)
	return n > 0 && n <= most && (t.Type == "plain_text" || (t.Type == "mrkdwn" && !plain))
}

// checkBlocks says what is wrong with blocks; empty when nothing is.
func checkBlocks(b []byte, most int) string {
	var all []block
	if err := json.Unmarshal(b, &all); err != nil {
		return "no list of blocks"
	}
	if len(all) > most {
		return "too many blocks"
	}
	ids, actions := map[string]bool{}, map[string]bool{}
	for i, x := range all {
		if x.ID != "" && ids[x.ID] || len(x.ID) > 255 {
			return fmt.Sprintf("block %d: its id is taken or too long", i)
		}
		ids[x.ID] = x.ID != ""
		if fault := checkBlock(x, actions); fault != "" {
			return fmt.Sprintf("block %d (%s): %s", i, x.Type, fault)
		}
	}
	return ""
}

func checkBlock(x block, actions map[string]bool) string {
	switch x.Type {
	case "header":
		if !x.Text.fits(150, true) {
			return "its text is empty or too long"
		}
	case "section":
		if x.Text == nil && len(x.Fields) == 0 || x.Text != nil && !x.Text.fits(3000, false) {
			return "its text is empty or too long"
		}
		if len(x.Accessory) > 0 {
			return checkElement(x.Accessory, actions)
		}
	case "context":
		if len(x.Elements) == 0 || len(x.Elements) > 10 {
			return "it has none or too many elements"
		}
		for _, e := range x.Elements {
			var t text
			if json.Unmarshal(e, &t) != nil || !t.fits(3000, false) {
				return "a text in it is empty or too long"
			}
		}
	case "actions":
		if len(x.Elements) == 0 || len(x.Elements) > 25 {
			return "it has none or too many elements"
		}
		for _, e := range x.Elements {
			if fault := checkElement(e, actions); fault != "" {
				return fault
			}
		}
	case "input":
		if !x.Label.fits(2000, true) {
			return "its label is empty or too long"
		}
		return checkElement(x.Element, actions)
	case "divider":
	default:
		return "this server does not know such a block"
	}
	return ""
}

func checkElement(b []byte, actions map[string]bool) string {
	var e element
	if err := json.Unmarshal(b, &e); err != nil {
		return "an element cannot be read"
	}
	if len(e.Action) > 255 || e.Action != "" && actions[e.Action] {
		return "an action_id is taken or too long"
	}
	actions[e.Action] = e.Action != ""
	switch e.Type {
	case "button":
		var v struct {
			Text *text `json:"text"`
		}
		if json.Unmarshal(b, &v) != nil || !v.Text.fits(75, true) || len(e.Value) > 2000 || len(e.URL) > 3000 {
			return "a button's text or value is empty or too long"
		}
		if e.Style != "" && e.Style != "primary" && e.Style != "danger" {
			return "a button has an unknown style"
		}
	case "checkboxes", "overflow":
		most := map[string]int{"checkboxes": 10, "overflow": 5}[e.Type]
		if len(e.Options) == 0 || len(e.Options) > most {
			return "it has none or too many options"
		}
		for _, o := range e.Options {
			if !o.Text.fits(75, e.Type == "overflow") || o.Value == "" || len(o.Value) > 150 || o.Description != nil && !o.Description.fits(75, false) {
				return "an option is empty or too long"
			}
		}
	case "plain_text_input":
	default:
		return "this server does not know such an element"
	}
	return ""
}

// checkView says what is wrong with a modal or a home; empty when nothing is.
func checkView(b []byte, kind string) string {
	var v struct {
		Type     string          `json:"type"`
		Title    *text           `json:"title"`
		Submit   *text           `json:"submit"`
		Close    *text           `json:"close"`
		Blocks   json.RawMessage `json:"blocks"`
		Callback string          `json:"callback_id"`
		Private  string          `json:"private_metadata"`
	}
	switch err := json.Unmarshal(b, &v); {
	case err != nil || v.Type != kind:
		return "it is no " + kind
	case kind == "home" && (v.Title != nil || v.Submit != nil || v.Close != nil):
		return "a home has no title and no buttons of its own"
	case kind == "modal" && !v.Title.fits(24, true), v.Submit != nil && !v.Submit.fits(24, true), v.Close != nil && !v.Close.fits(24, true):
		return "a title or button is empty or too long"
	case len(v.Callback) > 255 || len(v.Private) > 3000:
		return "its callback or private data is too long"
	}
	return checkBlocks(v.Blocks, 100)
}
