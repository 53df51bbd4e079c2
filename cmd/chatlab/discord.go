package main

import (
	"encoding/json"

	"chaperone/bots/discord/lab"
)

// openDiscord makes a server; without a seed, one with two people and a channel.
func openDiscord(seed []byte) (running, error) {
	if len(seed) == 0 {
		seed = []byte(`{"guild": "Calderwick", "people": [{"id": "101", "name": "morag"}, {"id": "102", "name": "sam"}],
			"channels": [{"id": "201", "name": "flood-north"}], "app": {"name": "chaperone", "token": "lab.bot"}}`)
	}
	var s lab.Seed
	if err := json.Unmarshal(seed, &s); err != nil {
		return running{}, err
	}
	l := lab.New(lab.Options{})
	if err := l.Plant(s); err != nil {
		return running{}, err
	}
	return running{serve: overHTTP(l.Handler()), control: l.Control(), doc: lab.Doc, close: func() { l.Cut(true) }}, nil
}
