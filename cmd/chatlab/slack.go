package main

import (
	"encoding/json"
	"fmt"
	"os"

	"chaperone/bots/slack/lab"
)

// readSeed reads what is there from the beginning, by platform.
func readSeed(name string) (map[string]json.RawMessage, error) {
	if name == "" {
		return nil, nil
	}
	b, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	var out map[string]json.RawMessage
	if err := json.Unmarshal(b, &out); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return out, nil
}

// openSlack makes a workspace.
func openSlack(seed []byte) (running, error) {
	var s struct {
		Options  lab.Options   `json:"options"`
		People   []lab.Person  `json:"people"`
		Channels []lab.Channel `json:"channels"`
		Tokens   []lab.Token   `json:"tokens"`
	}
	if len(seed) > 0 {
		if err := json.Unmarshal(seed, &s); err != nil {
			return running{}, err
		}
	}
	l, err := lab.New(s.Options)
	if err != nil {
		return running{}, err
	}
	l.Quietly(func() {
		for _, p := range s.People {
			l.AddPerson(p)
		}
		for _, c := range s.Channels {
			l.AddChannel(c)
		}
		for _, t := range s.Tokens {
			l.AddToken(t)
		}
	})
	return running{serve: overHTTP(l.Handler()), control: l.Control(), doc: lab.Doc, close: l.Close}, nil
}
