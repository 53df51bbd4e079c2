package lab

import (
	"bytes"
	_ "embed"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// Discord publishes a description of its HTTP interface. Every answer of success
// that it describes is held against it, whoever asks; what differs stands among
// what is wrong.

//go:embed testdata/openapi.json
var openapi []byte

// descriptionURL names the description; it is not fetched.
const descriptionURL = "https://lab.example/openapi.json"

// gate holds answers against Discord's own description of its interface.
type gate struct {
	mu       sync.Mutex
	compiler *jsonschema.Compiler
	schemas  map[string]*jsonschema.Schema // by place in the description
	paths    map[string]any
	held     map[string]bool // by route and status
}

func newGate() (*gate, error) {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(openapi))
	if err != nil {
		return nil, err
	}
	whole, _ := doc.(map[string]any)
	g := &gate{compiler: jsonschema.NewCompiler(), schemas: map[string]*jsonschema.Schema{}, held: map[string]bool{}}
	g.paths, _ = whole["paths"].(map[string]any)
	g.compiler.DefaultDraft(jsonschema.Draft2020)
	return g, g.compiler.AddResource(descriptionURL, doc)
}

// described are how the description calls the parts of a path.
var described = strings.NewReplacer("{guild}", "{guild_id}", "{channel}", "{channel_id}", "{user}", "{user_id}", "{rule}", "{rule_id}",
	"{application}/commands", "{application_id}/commands", "{emoji}", "{emoji_name}", "{interaction}/{token}", "{interaction_id}/{interaction_token}",
	"/webhooks/{application}/{token}", "/webhooks/{webhook_id}/{webhook_token}", "{message}", "{message_id}")

// hold holds an answer against the description, where it has one.
func (g *gate) hold(route string, status int, body []byte) error {
	if status >= 300 || len(body) == 0 || !strings.Contains(route, " ") {
		return nil
	}
	s, err := g.schema(route, status)
	if s == nil || err != nil {
		return err
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err != nil {
		return err
	}
	return s.Validate(v)
}

// schema gives what an answer has to be like; nil: that is not described.
func (g *gate) schema(route string, status int) (*jsonschema.Schema, error) {
	method, path, _ := strings.Cut(route, " ")
	path = described.Replace(path)
	g.mu.Lock()
	defer g.mu.Unlock()
	if _, there := g.paths[path]; !there {
		return nil, nil
	}
	pointer := func(s string) string { return url.PathEscape(strings.NewReplacer("~", "~0", "/", "~1").Replace(s)) }
	at := descriptionURL + "#/paths/" + pointer(path) + "/" + strings.ToLower(method) + fmt.Sprint("/responses/", status, "/content/") + pointer("application/json") + "/schema"
	g.held[fmt.Sprint(route, " ", status)] = true
	if s := g.schemas[at]; s != nil {
		return s, nil
	}
	s, err := g.compiler.Compile(at)
	if err == nil {
		g.schemas[at] = s
	}
	return s, err
}

// Held lists the answers, by route and status, that were held against Discord's
// description.
func (l *Lab) Held() []string {
	l.gate.mu.Lock()
	defer l.gate.mu.Unlock()
	return slices.Sorted(maps.Keys(l.gate.held))
}
