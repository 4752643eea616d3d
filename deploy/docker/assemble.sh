#!/bin/sh
# assemble.sh <out>: builds the bundles and lays out what goes into the images.
#   <out>/bot   the bot without its packages (prune.sh installs those)
#   <out>/job   autodev-job, complete in itself
# Expects node_modules to be installed (install.sh). Needs no network.
set -eu
out=$1
PATH="$PWD/node_modules/.bin:$PATH"
node .ci/build.mjs

mkdir -p "$out/bot/dist" "$out/bot/schema" "$out/bot/deploy/docker" "$out/job"
cp dist/autodev.mjs dist/autodev.mjs.map "$out/bot/dist/"
cp -R schema/sql "$out/bot/schema/"
cp -R config ci-templates "$out/bot/"
cp deploy/docker/healthcheck.mjs "$out/bot/deploy/docker/"
cp package.json package-lock.json .npmrc LICENSE "$out/bot/"
cp -R dist/autodev-job/. "$out/job/"
cp LICENSE "$out/job/"
