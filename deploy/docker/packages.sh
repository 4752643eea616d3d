#!/bin/sh
# packages.sh <package…>: installs Debian packages and leaves no lists or caches behind.
set -eu
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y -qq --no-install-recommends "$@"
rm -rf /var/lib/apt/lists/*
