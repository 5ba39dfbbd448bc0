#!/usr/bin/env bash
# From a clean clone to a pipeline on AWS: set up .venv, then deploy every stage.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
make --silent install
exec scripts/deployment-automation-scripts/deploy.sh "$@"
