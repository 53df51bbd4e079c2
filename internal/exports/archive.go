package exports

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"strings"
	"time"
)

// Limits on archives. What people really have is far below them; what is made
// to hurt is refused before anything is unpacked.
const (
	maxEntries   = 200_000
	maxDirectory = 48 << 20 // bytes of the list of entries
	maxUnpacked  = 64 << 30 // bytes of all entries together
	maxRatio     = 200      // unpacked to packed, for an entry of ratioFrom or more
	ratioFrom    = 16 << 20
	maxDepth     = 20 // folders in folders
	maxInMemory  = 64 << 20
)

// openArchive checks an archive from end to end before anything of it is read.
func openArchive(name string, r io.ReaderAt, size int64) (*tree, error) {
	if err := checkDirectory(r, size); err != nil {
		return nil, err
	}
	z, err := zip.NewReader(r, size)
	if err != nil {
		return nil, errors.New("the archive cannot be read: " + reason(err))
	}
	if err := checkEntries(z.File); err != nil {
		return nil, err
	}
	t := &tree{name: name, inside: name + "!", files: make([]entry, 0, len(z.File)), archive: true}
	byName := make(map[string]*zip.File, len(z.File))
	for _, f := range z.File {
		if f.Mode().IsRegular() && !strings.HasSuffix(f.Name, "/") {
			t.files = append(t.files, entry{f.Name, int64(f.UncompressedSize64)})
			byName[f.Name] = f
		}
	}
	t.open = func(name string) (io.ReadCloser, error) { return unpack(byName[name]) }
	t.sort()
	return t, nil
}

// checkDirectory reads the end of an archive, before the standard library
// takes its whole list of entries into memory.
func checkDirectory(r io.ReaderAt, size int64) error {
	tail := make([]byte, min(size, 66<<10))
	if _, err := r.ReadAt(tail, size-int64(len(tail))); err != nil && !errors.Is(err, io.EOF) {
		return errors.New("the archive cannot be read: " + reason(err))
	}
	end := bytes.LastIndex(tail, []byte("PK\x05\x06"))
	if end < 0 || end+22 > len(tail) {
		return errors.New("the archive is cut short: its list of contents is missing")
	}
	entries := uint64(binary.LittleEndian.Uint16(tail[end+10:]))
	length := uint64(binary.LittleEndian.Uint32(tail[end+12:]))
	if at := bytes.LastIndex(tail[:end], []byte("PK\x06\x06")); at >= 0 && at+56 <= len(tail) { // the long form
		entries = max(entries, binary.LittleEndian.Uint64(tail[at+32:]))
		length = max(length, binary.LittleEndian.Uint64(tail[at+40:]))
	}
	if entries > maxEntries || length > maxDirectory && length != 0xffffffff {
		return fmt.Errorf("the archive has %d entries, more than %d: unpack it and give the folder", entries, maxEntries)
	}
	return nil
}

// checkEntries refuses archives that are made to hurt.
func checkEntries(files []*zip.File) error {
	if len(files) > maxEntries {
		return fmt.Errorf("the archive has %d entries, more than %d: unpack it and give the folder", len(files), maxEntries)
	}
	type span struct{ from, to int64 }
	spans := make([]span, 0, len(files))
	var total, packed uint64
	for _, f := range files {
		name := strings.ReplaceAll(f.Name, `\`, "/")
		switch {
		case strings.HasPrefix(name, "/"), len(name) > 1 && name[1] == ':', slices.Contains(strings.Split(name, "/"), ".."):
			return errors.New("the archive is refused: a name in it climbs out of its folder")
		case strings.Count(name, "/") > maxDepth:
			return fmt.Errorf("the archive is refused: its folders are more than %d deep", maxDepth)
		}
		if strings.HasSuffix(name, "/") && f.CompressedSize64 == 0 {
			continue
		}
		total += f.UncompressedSize64
		packed += f.CompressedSize64
		if total > maxUnpacked {
			return errors.New("the archive is refused: it unpacks to more than 64 GiB")
		}
		if f.UncompressedSize64 >= ratioFrom && f.UncompressedSize64/maxRatio > f.CompressedSize64 {
			return fmt.Errorf("the archive is refused: a file in it unpacks to more than %d times its size", maxRatio)
		}
		at, err := f.DataOffset()
		if err != nil {
			return errors.New("the archive is damaged: a file in it is not where the list says")
		}
		spans = append(spans, span{at, at + int64(f.CompressedSize64)})
	}
	if total >= 4*ratioFrom && total/maxRatio > packed {
		return fmt.Errorf("the archive is refused: it unpacks to more than %d times its size", maxRatio)
	}
	slices.SortFunc(spans, func(a, b span) int { return int(max(-1, min(1, a.from-b.from))) })
	for i := 1; i < len(spans); i++ {
		if spans[i].from < spans[i-1].to || spans[i].from == spans[i-1].from {
			return errors.New("the archive is refused: files in it overlap")
		}
	}
	return nil
}

// unpack opens one entry, and ends it where the list says that it ends.
func unpack(f *zip.File) (io.ReadCloser, error) {
	if f == nil {
		return nil, os.ErrNotExist
	}
	if f.Flags&1 != 0 {
		return nil, errors.New("it is locked with a password")
	}
	r, err := f.Open()
	if err != nil {
		return nil, err
	}
	return struct {
		io.Reader
		io.Closer
	}{io.LimitReader(r, int64(f.UncompressedSize64)+1), r}, nil
}

// readZipStream reads an archive that cannot be looked into at will.
func readZipStream(name string, r io.Reader, as Format, out *sink) {
	var b bytes.Buffer
	n, err := io.Copy(&b, io.LimitReader(r, maxInMemory+1))
	switch {
	case err != nil:
		out.broken(name, "it cannot be read to its end: "+reason(err))
	case n > maxInMemory:
		out.broken(name, "an archive of more than 64 MiB cannot be read from a stream: save it and give its name")
	default:
		readArchive(name, bytes.NewReader(b.Bytes()), n, as, out)
	}
}

func readArchive(name string, r io.ReaderAt, size int64, as Format, out *sink) {
	t, err := openArchive(name, r, size)
	if err != nil {
		out.broken(name, err.Error())
		return
	}
	t.read(as, out)
}

// base names an archive without its folder and ending.
func base(name string) string {
	b := path.Base(strings.ReplaceAll(name, `\`, "/"))
	return strings.TrimSuffix(b, path.Ext(b))
}

// chatName takes a chat's name from the name of its file, or of the archive
// or folder around a "_chat.txt" or a day.
func chatName(name string) string {
	outer, inner, packed := strings.Cut(strings.ReplaceAll(name, `\`, "/"), "!")
	if !packed {
		outer, inner = "", outer
	}
	b := base(inner)
	_, err := time.Parse(time.DateOnly, b)
	if dir := path.Dir(inner); (b == "_chat" || err == nil) && dir != "." && dir != "/" {
		b = path.Base(dir) // a day of a Slack channel lies in its folder too
	} else if b == "_chat" && packed {
		b = base(outer)
	}
	for _, p := range []string{"WhatsApp Chat with ", "WhatsApp Chat - ", "Sgwrs WhatsApp gyda "} {
		b = strings.TrimPrefix(b, p)
	}
	return b
}
