package config

import (
	"encoding/json"

	"github.com/invopop/jsonschema"
)

// Schema is the JSON Schema of the configuration, for editors. It agrees with
// Read on names and types; Read knows more.
func Schema() []byte {
	r := &jsonschema.Reflector{DoNotReference: true, FieldNameTag: "yaml", RequiredFromJSONSchemaTags: true}
	s := r.Reflect(&File{})
	s.ID, s.Title = "", "Chaperone's configuration"
	b, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		panic(err) // the type is ours and has no value that JSON cannot say
	}
	return append(b, '\n')
}
