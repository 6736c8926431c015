#!/usr/bin/env bash
# The main job on a real directory: verify it, restore it to a zxid in the middle, verify the result, and carry it in an archive.
set -euo pipefail
cd "$(dirname "$0")/.."
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

step() { printf '\n$ zoovault %s\n' "$*"; cargo run --quiet --release --locked -- --no-progress "$@"; }

step inspect testdata/datadirs/standalone-3.9
step verify testdata/datadirs/standalone-3.9
step restore testdata/datadirs/standalone-3.9 --to 0x1a0 --target "$out/restored"
step verify "$out/restored"
step export testdata/datadirs/standalone-3.9 --to 0x1a0 -o "$out/portable.tar.gz"
step verify "$out/portable.tar.gz"
tar -C "$out" -xzf "$out/portable.tar.gz"
printf '\n$ sha256sum -c SHA256SUMS\n'
(cd "$out"/zookeeper-0x1a0 && sha256sum -c SHA256SUMS)
