package config_test

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v4"

	"chaperone/config"
)

// TestSchemaAndLoaderAgreeOnNamesAndTypes changes the example line by line:
// what the loader refuses because of a name or a type, the schema refuses too,
// and the other way round.
func TestSchemaAndLoaderAgreeOnNamesAndTypes(t *testing.T) {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(config.Schema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("chaperone.json", doc); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("chaperone.json")
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile("example.yaml")
	if err != nil {
		t.Fatal(err)
	}
	example := string(b)
	for name, change := range map[string][2]string{
		"the example itself":       {"", ""},
		"unknown key at the top":   {"organisation:", "colour: red\norganisation:"},
		"unknown key below":        {"  how:", "  when: noon\n  how:"},
		"unknown key in a chat":    {"    kind: emergency", "    kind: emergency\n    sort: x"},
		"text for a truth value":   {"enabled: true", "enabled: perhaps"},
		"list for a text":          {"time_zone: Europe/London", "time_zone: [Europe/London]"},
		"text for a list":          {"administrators: [Priya Nair, Dafydd Rees]", "administrators: {a: b}"},
		"map for a list":           {"policies: [council, emergency]", "policies: {a: b}"},
		"unknown mode":             {"mode: act", "mode: shout"},
		"unknown kind":             {"kind: emergency", "kind: guild"},
		"unknown mode of new ones": {"new_rooms: watch", "new_rooms: shout"},
		"a setting left out":       {"policies: [council, emergency]\n", ""},
		"a chat without its id":    {"  - id: practice/flood-north\n    kind", "  - kind"},
		"a list of maps for chats": {"chats:\n", "chats: flood\nother:\n"},
	} {
		text := strings.Replace(example, change[0], change[1], 1)
		var value any
		if err := yaml.Unmarshal([]byte(text), &value); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		bySchema := schema.Validate(value)
		_, byLoader := config.Read("x.yaml", []byte(text))
		if (bySchema == nil) != (byLoader == nil) {
			t.Errorf("%s: the schema says %v, the loader %v", name, bySchema, byLoader)
		}
		if wrong := name != "the example itself" && name != "a setting left out"; wrong == (byLoader == nil) {
			t.Errorf("%s: the loader says %v", name, byLoader)
		}
	}
}
