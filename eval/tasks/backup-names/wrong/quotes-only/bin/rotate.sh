#!/usr/bin/env bash
# Deletes all but the newest backups of a folder.
set -euo pipefail

folder=$1
keep=$2

cd "$folder"
ls -t | tail -n +$((keep + 1)) | while read -r name; do
  rm -f "$name"
  echo "deleted $name"
done
