#!/bin/sh
# Installs everything the build needs, exactly as locked. The only step that wants a registry besides
# prune.sh; it comes first so that a change of our own code does not repeat it.
set -eu
npm ci --no-progress
