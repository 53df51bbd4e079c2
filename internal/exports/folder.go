package exports

import (
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// entry is one file of a folder or archive, its name with forward slashes.
type entry struct {
	name string
	size int64
}

// tree is a folder or an archive: files that are read one after another.
type tree struct {
	name    string // of the folder or archive
	inside  string // what comes before the names of its files in places
	files   []entry
	archive bool
	open    func(name string) (io.ReadCloser, error)
	count   func(int)
}

func (t *tree) sort() {
	slices.SortFunc(t.files, func(a, b entry) int { return strings.Compare(a.name, b.name) })
}

func (t *tree) find(name string) (int, bool) {
	return slices.BinarySearchFunc(t.files, name, func(e entry, n string) int { return strings.Compare(e.name, n) })
}

func (t *tree) has(name string) bool {
	_, found := t.find(name)
	return found
}

func (t *tree) size(name string) int64 {
	if i, found := t.find(name); found {
		return t.files[i].size
	}
	return 0
}

// readPath reads a file, an archive or a folder of the disk.
func readPath(name string, as Format, count func(int), out *sink) {
	f, err := os.Open(name)
	if err != nil {
		out.broken(name, "it cannot be opened: "+reason(err))
		return
	}
	defer f.Close()
	info, err := f.Stat()
	switch {
	case err != nil:
		out.broken(name, "it cannot be opened: "+reason(err))
	case info.IsDir():
		openFolder(name, count, out).read(as, out)
	case !info.Mode().IsRegular():
		newSource(name, counted{f, count}, sniffed).read(as, out)
	default:
		readRegular(name, f, info.Size(), as, count, out)
	}
}

func readRegular(name string, f *os.File, size int64, as Format, count func(int), out *sink) {
	head := make([]byte, 4)
	n, _ := f.ReadAt(head, 0)
	if isZip(head[:n]) {
		readArchive(name, countedAt{f, count}, size, as, out)
		return
	}
	s := newSource(name, counted{f, count}, size)
	s.again = func() (io.ReadCloser, error) { return os.Open(name) }
	s.read(as, out)
}

// openFolder lists the files of a folder. It follows no links.
func openFolder(name string, count func(int), out *sink) *tree {
	t := &tree{name: name, inside: strings.TrimSuffix(name, string(filepath.Separator)) + string(filepath.Separator), count: count}
	err := filepath.WalkDir(name, func(p string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			out.broken(p, "it cannot be opened: "+reason(err))
			return nil
		case d.Type()&fs.ModeSymlink != 0:
			out.gap(p, "a link in a folder is not followed")
		case !d.IsDir() && !d.Type().IsRegular():
			out.gap(p, "it is no file, but a device or a pipe: it was not read")
		case d.Type().IsRegular():
			rel, err := filepath.Rel(name, p)
			if err != nil {
				return err
			}
			info, err := d.Info()
			if err != nil {
				out.broken(p, "it cannot be opened: "+reason(err))
				return nil
			}
			t.files = append(t.files, entry{filepath.ToSlash(rel), info.Size()})
		}
		return nil
	})
	if err != nil {
		out.broken(name, "it cannot be listed: "+reason(err))
	}
	t.open = func(rel string) (io.ReadCloser, error) { return os.Open(filepath.Join(name, filepath.FromSlash(rel))) }
	t.sort()
	return t
}

// read reads what a folder or archive holds: exports that their layout shows,
// one or several, and every other file by itself.
func (t *tree) read(as Format, out *sink) {
	before, faults := out.n, out.faults
	var roots []string
	for _, l := range t.layouts() {
		switch {
		case l.kind == Slack && (as == Auto || as == Slack):
			t.slack(l.root, out)
		case l.kind == Discord && (as == Auto || as == Discord):
			t.discordPackage(l, out)
		default:
			continue
		}
		roots = append(roots, l.claims)
	}
	t.each(as, func(name string) bool {
		return slices.ContainsFunc(roots, func(r string) bool { return strings.HasPrefix(name, r) })
	}, out)
	if out.n == before && out.faults == faults && !out.stopped && len(t.files) == 0 {
		out.broken(t.name, "it is empty")
	}
}

// place names a folder of the tree.
func (t *tree) place(dir string) string {
	if dir == "" {
		return t.name
	}
	return t.inside + strings.TrimSuffix(dir, "/")
}

// layout is an export of many files.
type layout struct {
	root   string // the folder that its own files lie in
	kind   Format
	claims string // every file below this folder is part of it
}

// layouts finds exports of many files by the files that only they have, at most
// three folders deep.
func (t *tree) layouts() (found []layout) {
	for _, e := range t.files {
		dir, file := path.Split(e.name)
		l := layout{root: dir, claims: dir}
		switch {
		case file == "channels.json" || file == "dms.json" || file == "groups.json" || file == "mpims.json":
			l.kind = Slack
		case file == "index.json" && strings.EqualFold(path.Base(dir), "messages"):
			l.kind = Discord
			if l.claims = path.Dir(strings.TrimSuffix(dir, "/")) + "/"; l.claims == "./" {
				l.claims = ""
			}
		default:
			continue
		}
		part := slices.ContainsFunc(found, func(f layout) bool { return strings.HasPrefix(l.root, f.claims) })
		if strings.Count(dir, "/") <= 3 && !part {
			found = append(found, l)
		}
	}
	return found
}

// each reads file after file, those of exports that were read left out, and
// says what it left closed.
func (t *tree) each(as Format, done func(name string) bool, out *sink) {
	left := map[string]int{}
	for _, e := range t.files {
		if out.stopped {
			return
		}
		if !done(e.name) {
			t.one(e, as, left, out)
		}
	}
	t.say(left, out)
}

// one reads a file, or counts it as left closed.
func (t *tree) one(e entry, as Format, left map[string]int, out *sink) {
	name := path.Base(e.name)
	switch kind := mediaKind(name); {
	case strings.HasPrefix(name, "."), strings.HasPrefix(e.name, "__MACOSX/"):
	case kind != "":
		left[kind]++
	case as == WhatsApp && !strings.EqualFold(path.Ext(name), ".txt") && !strings.EqualFold(path.Ext(name), ".zip"):
		left["other file"]++
	default:
		t.file(e, as, left, out)
	}
}

// file reads one file of many.
func (t *tree) file(e entry, as Format, left map[string]int, out *sink) {
	place := t.inside + e.name
	s, done, err := t.source(e.name)
	if err != nil {
		out.broken(place, "it cannot be opened: "+reason(err))
		return
	}
	defer done()
	head := s.peek(sniffed)
	switch {
	case isZip(head) && t.archive:
		out.broken(place, "an archive inside an archive is not opened: unpack it first")
	case isZip(head):
		readPath(place, as, t.count, out)
	case len(head) == 0:
		s.nothing(out)
	case sniff(head) == unreadable:
		left["other file"]++
	default:
		if as == Auto && sniff(head) == Text {
			s.chat = t.beside(e.name, s.chat)
		}
		s.read(as, out)
	}
}

// beside gives the chat that a file was sent in: a contact card or a text in
// the folder of a WhatsApp chat belongs to it.
func (t *tree) beside(name, otherwise string) string {
	dir := path.Dir(name)
	if chat := path.Join(dir, "_chat.txt"); t.has(chat) {
		return chatName(t.inside + chat)
	}
	found := ""
	for _, e := range t.files {
		if path.Dir(e.name) == dir && strings.HasPrefix(path.Base(e.name), "WhatsApp Chat with ") {
			if found != "" {
				return otherwise // of two chats, nobody can tell which
			}
			found = chatName(t.inside + e.name)
		}
	}
	return firstOf(found, otherwise)
}

// source opens a file of the tree as a stream.
func (t *tree) source(name string) (*source, func() error, error) {
	r, err := t.open(name)
	if err != nil {
		return nil, nil, err
	}
	in := io.Reader(r)
	if !t.archive {
		in = counted{r, t.count}
	}
	s := newSource(t.inside+name, in, t.size(name))
	s.again = func() (io.ReadCloser, error) { return t.open(name) }
	dir := path.Dir(name)
	s.has = func(file string) bool { return t.has(path.Join(dir, file)) }
	return s, r.Close, nil
}

// say declares what was left closed.
func (t *tree) say(left map[string]int, out *sink) {
	kinds := make([]string, 0, len(left))
	for k := range left {
		kinds = append(kinds, k)
	}
	slices.Sort(kinds)
	for _, k := range kinds {
		out.gap(t.name, many(left[k], k)+" not looked into")
	}
}

// mediaKind names the kind of a file that holds no text of a chat.
func mediaKind(name string) string {
	switch strings.ToLower(path.Ext(name)) {
	case ".jpg", ".jpeg", ".png", ".gif", ".webp", ".heic", ".bmp", ".tif", ".tiff", ".svg", ".was":
		return "picture"
	case ".opus", ".ogg", ".oga", ".m4a", ".mp3", ".aac", ".amr", ".wav":
		return "sound"
	case ".mp4", ".mov", ".3gp", ".webm", ".avi", ".mkv":
		return "film"
	case ".pdf", ".doc", ".docx", ".xls", ".xlsx", ".ppt", ".pptx", ".odt", ".ods", ".rtf":
		return "document"
	}
	return ""
}

// counted tells how much was read.
type counted struct {
	io.Reader
	count func(int)
}

func (c counted) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	if c.count != nil {
		c.count(n)
	}
	return n, err
}

type countedAt struct {
	io.ReaderAt
	count func(int)
}

func (c countedAt) ReadAt(p []byte, off int64) (int, error) {
	n, err := c.ReaderAt.ReadAt(p, off)
	if c.count != nil {
		c.count(n)
	}
	return n, err
}
