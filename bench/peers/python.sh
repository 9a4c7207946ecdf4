#!/usr/bin/env bash
# Runs a script of this folder with the Python that has the peers: that of the environment that run.sh
# made, if it did, else python3.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
environment=${POLDER_PEERS_ENV:-$here/../../build/peers/env}
python=python3
[ -x "$environment/bin/python" ] && python=$environment/bin/python
script=$1
shift
exec "$python" "$here/$script" "$@"
