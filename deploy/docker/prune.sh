#!/bin/sh
# prune.sh <folder>: installs the packages the bot runs on into a folder made by assemble.sh.
# No install script of theirs is needed, so none is run.
set -eu
cd "$1"
npm ci --omit=dev --ignore-scripts --no-progress
