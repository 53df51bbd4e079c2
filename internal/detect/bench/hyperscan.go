//go:build hyperscan && cgo

package main

/*
#cgo pkg-config: libhs
#include <hs.h>
#include <stdlib.h>

static int note(unsigned id, unsigned long long from, unsigned long long to, unsigned flags, void *seen) {
	((unsigned char *)seen)[id] = 1;
	return 0;
}

static hs_error_t look(const hs_database_t *db, const char *text, unsigned n, hs_scratch_t *scratch, unsigned char *seen) {
	return hs_scan(db, text, n, 0, scratch, note, seen);
}
*/
import "C"

import (
	"fmt"
	"log"
	"regexp/syntax"
	"unsafe"

	"chaperone/internal/detect"
)

// hyperscan looks with Hyperscan for which patterns are in a text, and with
// this engine's own automata for where. Counted repeats are opened, which is
// what serves it best: it only says which patterns to verify.
func hyperscan(exprs []string, verify *detect.Patterns) (*engine, string) {
	var sources []*C.char
	var flags, ids []C.uint
	left := 0
	for i, e := range exprs {
		re, err := syntax.Parse(e, syntax.Perl)
		if err != nil {
			log.Fatal(err)
		}
		source := C.CString(opened(re).String())
		var db *C.hs_database_t
		var problem *C.hs_compile_error_t
		if C.hs_compile(source, C.HS_FLAG_SINGLEMATCH|C.HS_FLAG_ALLOWEMPTY, C.HS_MODE_BLOCK, nil, &db, &problem) != C.HS_SUCCESS {
			C.hs_free_compile_error(problem)
			left++
			continue
		}
		C.hs_free_database(db)
		sources, flags, ids = append(sources, source), append(flags, C.HS_FLAG_SINGLEMATCH|C.HS_FLAG_ALLOWEMPTY), append(ids, C.uint(i))
	}
	var db *C.hs_database_t
	var problem *C.hs_compile_error_t
	if C.hs_compile_multi(&sources[0], &flags[0], &ids[0], C.uint(len(sources)), C.HS_MODE_BLOCK, nil, &db, &problem) != C.HS_SUCCESS {
		return nil, "Hyperscan is left out: it does not take the patterns together: " + C.GoString(problem.message)
	}
	var scratch *C.hs_scratch_t
	if C.hs_alloc_scratch(db, &scratch) != C.HS_SUCCESS {
		return nil, "Hyperscan is left out: no memory for it."
	}
	seen := unsafe.Slice((*byte)(C.calloc(C.size_t(len(exprs)), 1)), len(exprs)) // where C may write
	e := &engine{name: "Hyperscan, verified, patterns alone", scan: func(text string) int {
		text = detect.Normalised(text)
		if text == "" {
			return 0
		}
		if C.look(db, (*C.char)(unsafe.Pointer(unsafe.StringData(text))), C.uint(len(text)), scratch, (*C.uchar)(&seen[0])) != C.HS_SUCCESS {
			log.Fatal("hyperscan: the scan fails")
		}
		n := 0
		for i := range seen {
			if seen[i] != 0 {
				n += verify.CountOf(i, text)
				seen[i] = 0
			}
		}
		return n
	}}
	return e, fmt.Sprintf("Hyperscan %s; %d of %d patterns are left out there because it does not take them.", C.GoString(C.hs_version()), left, len(exprs))
}

// opened makes counted repeats with room open ones.
func opened(re *syntax.Regexp) *syntax.Regexp {
	for i := range re.Sub {
		re.Sub[i] = opened(re.Sub[i])
	}
	for re.Op == syntax.OpCapture {
		re = re.Sub[0]
	}
	if re.Op == syntax.OpRepeat && re.Max >= 0 && re.Max-re.Min >= 4 {
		re.Max = -1
	}
	return re
}
