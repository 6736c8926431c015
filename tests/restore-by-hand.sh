#!/usr/bin/env bash
# Restores a backup with jq, zstd and sha256sum alone: restore-by-hand.sh REPOSITORY ID DATADIR
set -euo pipefail
mkdir -p "$3/version-2"
target=$(realpath "$3/version-2")
cd "$1"
manifest=$(ls backup/*/*-"$2".json)

# Check the manifest against its id, and every object against its SHA-256 in the manifest.
[ "$(sha256sum <"$manifest" | cut -c 1-12)" = "$2" ]
jq -r '.snapshots[].parts[], .logs[] | "\(.sha256)  \(.name)"' "$manifest" | sha256sum --check --quiet

# Concatenate the parts of each snapshot. Where several logs have the same name, the last one is
# the longest, and replaces the others.
jq -r '.snapshots[] | "snapshot.\(.zxid[2:]) \(.parts[].name)"' "$manifest" |
    while read -r file object; do zstd -dcq "$object" >>"$target/$file"; done
jq -r '.logs[] | "log.\(.first_zxid[2:]) \(.name)"' "$manifest" |
    while read -r file object; do zstd -dcq "$object" >"$target/$file"; done
