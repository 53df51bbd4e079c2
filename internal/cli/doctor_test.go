package cli

import (
	"net"
	"os"
	"path/filepath"
	"testing"

	"chaperone/internal/app"
)

func TestDoctorSeesWhatIsNotWell(t *testing.T) {
	dir := t.TempDir()
	file := func(name string, mode os.FileMode) string {
		t.Helper()
		p := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(p, mode); err != nil {
			t.Fatal(err)
		}
		return p
	}
	open := filepath.Join(dir, "open")
	if err := os.Mkdir(open, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(open, 0o755); err != nil {
		t.Fatal(err)
	}
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	made := filepath.Dir(file("made/identity.json", 0o600))
	plain := file("plain", 0o600)
	for name, c := range map[string]struct {
		got  advice
		want string
	}{
		"a key that is safe":           {examineKey(app.Config{KeyFile: file("safe.key", 0o600)}), "ok"},
		"a key that others can read":   {examineKey(app.Config{KeyFile: file("loose.key", 0o644)}), "caution"},
		"no key and no data":           {examineKey(app.Config{KeyFile: "none", Data: filepath.Join(dir, "none")}), "ok"},
		"data without its key":         {examineKey(app.Config{KeyFile: "none", Data: made}), "serious"},
		"a folder that others can see": {examineData(app.Config{Data: open}), "caution"},
		"a file for a folder":          {examineData(app.Config{Data: plain}), "serious"},
		"no folder yet":                {examineData(app.Config{Data: filepath.Join(dir, "none")}), "ok"},
		"a folder below a file":        {examineFolder("records", filepath.Join(plain, "x")), "serious"},
		"a folder to be made":          {examineFolder("records", filepath.Join(dir, "a", "b")), "ok"},
		"an address that is taken":     {examinePort(taken.Addr().String()), "caution"},
		"an address for everybody":     {examinePort("0.0.0.0:0"), "serious"},
		"a free address":               {examinePort("127.0.0.1:0"), "ok"},
		"nobody who answers":           {examineAsk(app.Config{}), "caution"},
	} {
		if c.got.level != c.want {
			t.Errorf("%s: %+v, want %s", name, c.got, c.want)
		}
		if c.got.level != "ok" && c.got.fix == "" {
			t.Errorf("%s: it does not say how to mend it: %+v", name, c.got)
		}
	}
	if free, err := freeSpace(dir); err != nil || free == 0 {
		t.Errorf("free space: %d, %v", free, err)
	}
}
