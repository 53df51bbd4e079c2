package config

import "slices"

// FileReading says how the files are read that people post. The zero value reads
// every kind that can be read: a file that nobody looks into is a gap.
type FileReading struct {
	Off           bool     `yaml:"off" json:"off,omitempty" jsonschema_description:"true: no file is read; only names of files are."`
	MostMegabytes int      `yaml:"most_megabytes" json:"most_megabytes,omitempty" jsonschema_description:"The largest file that is read; 20 where nothing is said, 100 at most. A larger one is listed as a gap."`
	Kinds         []string `yaml:"kinds" json:"kinds,omitempty" jsonschema:"enum=text,enum=sheet,enum=document,enum=slides,enum=pdf,enum=page,enum=mail" jsonschema_description:"Which kinds are read: text, sheet, document, slides, pdf, page, mail. Empty: all of these."`
}

// The size of the largest file that is read, in megabytes.
const (
	usualFile   = 20
	largestFile = 100
)

// Most is how many bytes a file may have that is read; 0: none is.
func (f FileReading) Most() int64 {
	switch {
	case f.Off:
		return 0
	case f.MostMegabytes == 0:
		return usualFile << 20
	}
	return int64(f.MostMegabytes) << 20
}

func (c *checker) files() {
	f := c.file.Files
	if f.MostMegabytes < 0 || f.MostMegabytes > largestFile {
		c.fault("files.most_megabytes", "files.most_megabytes %d: write 1 to %d, or files.off: true to read none", f.MostMegabytes, largestFile)
	}
	for _, k := range f.Kinds {
		if !slices.Contains([]string{"text", "sheet", "document", "slides", "pdf", "page", "mail"}, k) {
			c.fault("files.kinds", "files.kinds: %q is not one of text, sheet, document, slides, pdf, page, mail", k)
		}
	}
}
