#!/usr/bin/env bash
# Deletes all but the newest backups of a folder.
set -euo pipefail
export LC_ALL=C

folder=${1:-}
keep=${2:-}
if [[ ! $keep =~ ^[1-9][0-9]*$ ]]; then
  echo "keep is '$keep', but it has to be a number of 1 or more" >&2
  exit 2
fi

cd -- "$folder"
shopt -s nullglob dotglob
# The date first, so that sorting puts the oldest first; names may hold anything but NUL and a slash.
backups=()
for name in *-[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9].tar; do
  [[ -f $name && ! -L $name ]] || continue
  date=${name%.tar}
  backups+=("0000-00-00 $name")
done
((${#backups[@]} > keep)) || exit 0
mapfile -d '' -t sorted < <(printf '%s\0' "${backups[@]}" | sort -z)
for entry in "${sorted[@]:0:${#sorted[@]}-keep}"; do
  name=${entry:11}
  rm -f -- "$name"
  echo "deleted $name"
done
