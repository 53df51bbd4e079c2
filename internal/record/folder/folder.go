// Package folder files records as plain folders on a disk or file share, the
// simplest corporate record store there is (R42):
//
//	2026/11/20261123-4F7K2M9QXA/
//	    message.txt          the message, as UTF-8 bytes (message-2.txt, … for more)
//	    manifest.json        who, where, when, why, and the SHA-256 of each file
//	    manifest.json.sha256 the SHA-256 of the manifest, as sha256sum writes it
//
// A folder appears whole or not at all. The package must not read anything but
// what it filed, and never deletes a record.
package folder

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"chaperone/internal/record"
)

// Filer files below one folder.
type Filer struct{ root string }

const (
	manifestName = "manifest.json"
	sumName      = "manifest.json.sha256"
	partial      = ".part"
)

// New makes sure that the folder exists and can be written to.
func New(root string) (*Filer, error) {
	root, err := filepath.Abs(root) // a receipt has to find the record again from anywhere
	if err != nil {
		return nil, fmt.Errorf("records folder: %w", err)
	}
	if err := os.MkdirAll(root, 0o700); err != nil {
		return nil, fmt.Errorf("records folder: %w", err)
	}
	probe, err := os.CreateTemp(root, partial+"-*")
	if err != nil {
		return nil, fmt.Errorf("records folder %s cannot be written to: %w", root, err)
	}
	probe.Close()
	return &Filer{root: root}, os.Remove(probe.Name())
}

var idForm = regexp.MustCompile(`^(\d{4})(\d{2})\d{2}-[0-9A-Z]{4,40}$`)

// place is the folder of a record. Ids begin with the date they were made.
func (f *Filer) place(id string) (string, error) {
	m := idForm.FindStringSubmatch(id)
	if m == nil {
		return "", record.ErrNotFound
	}
	return filepath.Join(f.root, m[1], m[2], id), nil
}

// File implements record.Filer.
func (f *Filer) File(ctx context.Context, r record.Record, files []record.File) (record.Receipt, error) {
	dir, err := f.place(r.ID)
	if err != nil {
		return record.Receipt{}, fmt.Errorf("record %q: not a record number", r.ID)
	}
	if receipt, err := f.receipt(dir); err == nil {
		return receipt, nil // filed before: its receipt was lost on the way
	} else if !errors.Is(err, fs.ErrNotExist) {
		return record.Receipt{}, err
	}
	_, manifest, err := record.NewManifest(r, files)
	if err != nil {
		return record.Receipt{}, err
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o700); err != nil {
		return record.Receipt{}, err
	}
	tmp := dir + partial
	if err := os.RemoveAll(tmp); err != nil { // left by an interrupted filing
		return record.Receipt{}, err
	}
	if err := os.Mkdir(tmp, 0o700); err != nil {
		return record.Receipt{}, err
	}
	all := append(files[:len(files):len(files)],
		record.File{Name: manifestName, Data: manifest},
		record.File{Name: sumName, Data: fmt.Appendf(nil, "%s  %s\n", record.Hash(manifest), manifestName)})
	for _, file := range all {
		if err := write(filepath.Join(tmp, file.Name), file.Data); err != nil {
			return record.Receipt{}, errors.Join(err, os.RemoveAll(tmp))
		}
	}
	if err := errors.Join(syncDir(tmp), os.Rename(tmp, dir), syncDir(filepath.Dir(dir))); err != nil {
		return record.Receipt{}, err
	}
	return f.receipt(dir)
}

// receipt reads the receipt of a folder that stands.
func (f *Filer) receipt(dir string) (record.Receipt, error) {
	b, err := os.ReadFile(filepath.Join(dir, manifestName))
	if err != nil {
		return record.Receipt{}, err
	}
	info, err := os.Stat(dir)
	if err != nil {
		return record.Receipt{}, err
	}
	return record.Receipt{Where: dir, Manifest: record.Hash(b), FiledAt: info.ModTime().UTC().Truncate(time.Second)}, nil
}

// Open implements record.Opener.
func (f *Filer) Open(ctx context.Context, id string) (record.Manifest, []record.File, error) {
	var m record.Manifest
	dir, err := f.place(id)
	if err != nil {
		return m, nil, err
	}
	b, err := os.ReadFile(filepath.Join(dir, manifestName))
	if errors.Is(err, fs.ErrNotExist) {
		return m, nil, record.ErrNotFound
	} else if err != nil {
		return m, nil, err
	}
	sum, err := os.ReadFile(filepath.Join(dir, sumName))
	if err != nil || !strings.HasPrefix(string(sum), record.Hash(b)+"  ") {
		err = record.ErrAltered
	}
	if json.Unmarshal(b, &m) != nil {
		return m, nil, record.ErrAltered
	}
	var files []record.File
	for _, s := range m.Files {
		if s.Name != filepath.Base(s.Name) {
			return m, files, record.ErrAltered
		}
		data, readErr := os.ReadFile(filepath.Join(dir, s.Name))
		if readErr != nil || record.Hash(data) != s.SHA256 {
			err = record.ErrAltered
		}
		files = append(files, record.File{Name: s.Name, Data: data})
	}
	return m, files, err
}

// write makes the file durable before it returns.
func write(name string, data []byte) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Sync(), f.Close())
}

func syncDir(name string) error {
	d, err := os.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
