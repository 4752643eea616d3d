#!/usr/bin/env bash
# Tests of rotate; prints one line per test and fails when one failed.
set -uo pipefail
rotate=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)/bin/rotate.sh
failed=0

check() {
  if [[ $2 == "$3" ]]; then echo "ok $1"; else echo "not ok $1: $3"; failed=1; fi
}

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
touch -d 2026-03-01 "$dir/home-2026-03-01.tar"
touch -d 2026-03-02 "$dir/home-2026-03-02.tar"
touch -d 2026-03-03 "$dir/home-2026-03-03.tar"
check 'says what it deleted' 'deleted home-2026-03-01.tar' "$(bash "$rotate" "$dir" 2)"
check 'keeps the newest' 'home-2026-03-02.tar home-2026-03-03.tar' "$(cd "$dir" && echo *)"
exit "$failed"
