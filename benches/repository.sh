#!/usr/bin/env bash
# What backups cost, beside zstd, tar with gzip, and restic: benches/repository.sh FOLDER [RUNS]
#
# Of the month, tar makes every seventh copy and restic those of four days, and both are counted up; with ZOOVAULT_BENCH_ALL=1 restic makes all 720.
#
# Needs some 4 GB in FOLDER, and Debian's packages zstd, restic, jq, strace and time. Other work on the machine shows in the times: the figures are minima
# of alternating runs.
set -euo pipefail
cd "$(dirname "$0")/.."
mkdir -p "$1"
folder=$(realpath "$1")
runs=${2:-3}
cargo build --release --quiet --bins --examples
bin=$PWD/target/release
zoovault=$bin/zoovault
export ZOOVAULT_CONFIG=/dev/null TMPDIR=$folder

# timed NAME COMMAND...: seconds and KiB to a file of that name.
timed() { local name=$1; shift; /usr/bin/time -a -o "$folder/$name.times" -f '%e %M' "$@" >/dev/null; }
least() { sort -n "$folder/$1.times" | awk 'NR == 1 { least = $1 } $2 > most { most = $2 } END { printf "%s s at least, %.0f MiB at most\n", least, most / 1024 }'; }
rm -f "$folder"/*.times

echo "== A directory of 968 MB"
big=$folder/big
if [ ! -e "$big/version-2/log.1" ]; then
    "$bin/examples/generate" "$big"
    # Padding, as servers leave it.
    truncate -s 671088656 "$big/version-2/log.1"
fi
for _ in $(seq "$runs"); do
    rm -rf "$folder/big-repository" "$folder/big-zstd"
    mkdir "$folder/big-zstd"
    "$zoovault" init --quiet --repo "$folder/big-repository"
    timed first "$zoovault" backup "$big" --repo "$folder/big-repository"
    timed zstd zstd -q -T0 -3 --output-dir-flat "$folder/big-zstd" "$big"/version-2/*
    for _ in 1 2 3; do timed idle "$zoovault" backup "$big" --repo "$folder/big-repository"; done
done
echo "first backup     $(least first)"
echo "zstd -T0 -3      $(least zstd)"
echo "nothing new      $(least idle)"
echo "stored           $(du -sb "$folder/big-repository" | cut -f 1) bytes, zstd $(du -sb "$folder/big-zstd" | cut -f 1)"
strace -f -o "$folder/trace" -e trace=openat,getdents64 "$zoovault" backup "$big" --repo "$folder/big-repository" >/dev/null
of_repository() { grep -F "$folder/big-repository" "$folder/trace" | grep -c "$@"; }
echo "in it            $(of_repository O_DIRECTORY) folders listed, $(of_repository 'json", O_RDONLY') files read, with nothing new"
rm -rf "$folder/big-repository" "$folder/big-zstd"

echo "== A month of hourly backups"
if [ -n "${ZOOVAULT_BENCH_ALL:-}" ]; then restic_from=0 restic_hours=720; else restic_from=192 restic_hours=96; fi
export RESTIC_PASSWORD=bench RESTIC_REPOSITORY=$folder/restic restic_from restic_hours
rm -rf "$folder/month" "$folder/repository" "$folder/restic" "$folder"/*.sum
restic init --quiet
export SOURCE=$folder/month FOLDER=$folder
"$bin/examples/month" "$folder/month" "$folder/repository" --each-hour '
    [ $((HOUR % 7)) != 0 ] || tar -C "$SOURCE" -c . | gzip | wc -c >>"$FOLDER/tar.sum"
    [ "$HOUR" -lt "$restic_from" ] || [ "$HOUR" -ge $((restic_from + restic_hours)) ] || {
        [ -e "$FOLDER/restic-before.sum" ] || {
            [ "$restic_from" = 0 ] || restic backup --quiet "$SOURCE"
            du -sb "$RESTIC_REPOSITORY" | cut -f 1 >"$FOLDER/restic-before.sum"
        }
        restic backup --quiet "$SOURCE"
    }'
echo "repository       $(du -sb "$folder/repository" | cut -f 1) bytes in $(find "$folder/repository" -type f | wc -l) files"
awk '{ sum += $1 } END { printf "tar | gzip       %.0f bytes, from %d of 720 weighed\n", sum / NR * 720, NR }' "$folder/tar.sum"
echo "restic           $((($(du -sb "$folder/restic" | cut -f 1) - $(cat "$folder/restic-before.sum")) * 720 / restic_hours)) bytes, from $restic_hours of 720 made"
for _ in $(seq "$runs"); do
    timed listing "$zoovault" backups --repo "$folder/repository"
    timed planning "$zoovault" restore "$folder/repository" --to latest --dry-run
    timed middle "$zoovault" restore "$folder/repository" --to 2023-11-29T12:34:56Z --dry-run
    timed inspecting "$zoovault" inspect "$folder/repository"
    timed idle-month "$zoovault" backup "$folder/month" --repo "$folder/repository"
done
echo "listing          $(least listing)"
echo "plan, latest     $(least planning)"
echo "plan, mid-month  $(least middle)"
echo "inspecting       $(least inspecting)"
echo "nothing new      $(least idle-month), the first of them made elsewhere"
