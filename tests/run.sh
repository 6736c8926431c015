#!/usr/bin/env bash
# All tests, on a fresh Debian machine with Rust: installs what they lack, and says so.
#
#   tests/run.sh            everything; live tests with Debian's ZooKeeper, and with the releases whose folders
#                           ZOOVAULT_TEST_ZOOKEEPERS names (colon-separated, each with lib/*.jar)
#   ZOOVAULT_LIVE_ZXIDS=50 ZOOVAULT_MODEL_CASES=2000 tests/run.sh      the long campaigns
set -euo pipefail
cd "$(dirname "$0")/.."

install() {
    echo "tests/run.sh: installing $* (for the live tests, the browser that opens reports, ncdu that loads sizes, and what reads the examples)"
    local sudo=""
    [ "$(id -u)" = 0 ] || sudo="sudo"
    $sudo apt-get update -qq
    DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

missing=()
command -v javac >/dev/null || missing+=(default-jdk-headless)
[ -e /usr/share/java/zookeeper.jar ] || missing+=(zookeeper libzookeeper-java)
command -v ncdu >/dev/null || missing+=(ncdu)
command -v chromium >/dev/null || missing+=(chromium fonts-dejavu-core)
command -v promtool >/dev/null || missing+=(prometheus)
command -v systemd-analyze >/dev/null || missing+=(systemd)
[ ${#missing[@]} = 0 ] || install "${missing[@]}"

for component in rustfmt clippy; do
    cargo "${component/rustfmt/fmt}" --version >/dev/null 2>&1 || rustup component add "$component"
done

run() { printf '\n== %s\n' "$*"; "$@"; }

run cargo fmt --check
run cargo clippy --locked --all-targets -- -D warnings
RUSTDOCFLAGS="-D warnings" run cargo doc --locked --no-deps --document-private-items
# The man pages are checked by tests/man.rs.
export ZOOVAULT_REQUIRE_LIVE=1
run cargo test --locked --release --no-fail-fast
