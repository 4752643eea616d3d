//go:build tools

// Package tools names the program that the module is there for, so that its versions are pinned like a library's.
package tools

import _ "github.com/profclems/glab/cmd/glab"
