package main

import (
	"context"
	"encoding/json"

	"chaperone/bots/whatsapp/lab"
)

// openWhatsApp makes a WhatsApp. Its people have connections of their own; the
// address that is served is for the clients that are tested.
func openWhatsApp(seed []byte) (running, error) {
	var s struct {
		People []struct{ Number, Name string } `json:"people"`
		Groups []lab.NewGroup                  `json:"groups"`
	}
	if len(seed) > 0 {
		if err := json.Unmarshal(seed, &s); err != nil {
			return running{}, err
		}
	}
	l, err := lab.New("127.0.0.1:0")
	if err != nil {
		return running{}, err
	}
	stop := func() { _ = l.Close() } // the process ends with it
	for _, p := range s.People {
		if _, err := l.AddPerson(context.Background(), p.Number, p.Name); err != nil {
			stop()
			return running{}, err
		}
	}
	for _, g := range s.Groups {
		if _, err := l.AddGroup(g); err != nil {
			stop()
			return running{}, err
		}
	}
	return running{serve: l.Serve, control: l.Control(), doc: lab.Doc, close: stop}, nil
}
