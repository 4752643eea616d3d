#!/usr/bin/env bash
# Puts clients of GitLab that others made into a folder, for test/contract/real-clients.test.ts:
#   .ci/real-clients.sh <folder>
# Prints the names of those that are there on one line, and what was left out on standard error. Needs
# python3 with venv and PyPI, Go and its module proxy; a client that cannot be had is left out, exit code 0.
set -uo pipefail

readonly DIR=${1:?a folder to put the clients into}
readonly HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
readonly PYTHON_GITLAB=python-gitlab==8.6.0
# Seconds for one client: two busy cores compile Go's own libraries too the first time.
readonly LIMIT=${REAL_CLIENTS_SECONDS:-180}
mkdir -p "$DIR" || exit 1
there=()

left_out() {
  printf 'left out: %s\n' "$1" >&2
}

if ! command -v python3 >/dev/null; then
  left_out "python-gitlab: no python3 here"
elif timeout "$LIMIT" python3 -m venv "$DIR/python" >&2 &&
  timeout "$LIMIT" "$DIR/python/bin/pip" install --quiet --disable-pip-version-check \
    "$PYTHON_GITLAB" >&2; then
  there+=(python-gitlab)
else
  rm -rf "$DIR/python"
  left_out "python-gitlab: no $PYTHON_GITLAB to be had here"
fi

# go_client <name> <folder of its module> <file> <package>
go_client() {
  if ! command -v go >/dev/null; then
    left_out "$1: no go here"
  elif (cd "$HERE/test/support/real-clients/$2" &&
    timeout "$LIMIT" go build -buildvcs=false -trimpath -o "$DIR/$3" "$4" >&2); then
    there+=("$1")
  else
    left_out "$1: its modules are not to be had here, or the build took over $LIMIT s"
  fi
}
go_client client-go go round-go .
# Its last version at its first home: later ones are not served by the module proxy with a checksum.
go_client glab glab glab github.com/profclems/glab/cmd/glab

(IFS=, && printf '%s\n' "${there[*]}")
